const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB']

/** Returns a size for people as Kubo writes it: `157 B`, `2.7 MB`, `600 kB`. */
export function sizeText(bytes: number): string {
  if (bytes < 10) return `${bytes} B`
  // The logarithm of a power of 1000 may come out a trifle too small.
  const power = Math.min(Math.floor(Math.log(bytes) / Math.log(1000) + 1e-12), UNITS.length - 1)
  const tenths = Math.floor((bytes / 1000 ** power) * 10 + 0.5)
  return `${tenths < 100 ? (tenths / 10).toFixed(1) : halfToEven(tenths)} ${UNITS[power]}`
}

/** Rounds tenths to whole numbers as Go prints them. */
function halfToEven(tenths: number): number {
  const whole = Math.floor(tenths / 10)
  const rest = tenths % 10
  return rest > 5 || (rest === 5 && whole % 2 === 1) ? whole + 1 : whole
}
