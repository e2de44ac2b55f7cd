import { dataPatch } from './_data.ts'

export const objectPatchAppendData = dataPatch(
  'object patch append-data',
  'Append to the data of an object',
  (old, given) => {
    const data = new Uint8Array(old.length + given.length)
    data.set(old)
    data.set(given, old.length)
    return data
  },
)
