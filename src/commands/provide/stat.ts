import { provideStatCommand } from '../_provide-stat-command.ts'

export const provideStat = provideStatCommand({
  path: 'provide stat',
  summary: 'Show statistics about announcing content',
})
