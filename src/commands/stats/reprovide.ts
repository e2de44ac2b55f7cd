import { provideStatCommand } from '../_provide-stat-command.ts'

export const statsReprovide = provideStatCommand({
  path: 'stats reprovide',
  summary: "Deprecated: use 'provide stat'",
  deprecated: true,
})
