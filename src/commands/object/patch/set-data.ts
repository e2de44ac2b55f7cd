import { dataPatch } from './_data.ts'

export const objectPatchSetData = dataPatch(
  'object patch set-data',
  'Replace the data of an object',
  (_, given) => given,
)
