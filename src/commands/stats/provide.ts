import { provideStatCommand } from '../_provide-stat-command.ts'

export const statsProvide = provideStatCommand({
  path: 'stats provide',
  summary: "Deprecated: use 'provide stat'",
  deprecated: true,
})
