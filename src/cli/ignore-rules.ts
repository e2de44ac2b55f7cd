import { readFileSync } from 'node:fs'
import { systemFailure } from '../contract/failure.ts'
import { systemPath } from './local-file.ts'

/** Returns the lines of a file with rules. */
export function readRules(path: string, shown: string): string[] {
  try {
    return readFileSync(systemPath(path), 'utf8').split('\n')
  } catch (error) {
    throw systemFailure(error, shown)
  }
}

/**
 * Returns a function that tells whether a name is to be left out, by rules as in .gitignore and as Kubo reads them: of
 * several that match the last decides, and `!` takes back. Kubo asks for names alone, never for paths, so a rule with a
 * slash inside matches nothing.
 */
export function ignoreRules(lines: readonly string[]): (name: string) => boolean {
  const rules = lines.map(toRule).filter(rule => rule !== undefined)
  return name => {
    let isIgnored = false
    for (const { pattern, takesBack } of rules) if (pattern.test(name)) isIgnored = !takesBack
    return isIgnored
  }
}

interface Rule {
  readonly pattern: RegExp
  readonly takesBack: boolean
}

function toRule(line: string): Rule | undefined {
  if (line.startsWith('#')) return undefined
  let rule = line.replace(/\r+$/, '').replace(/^ +| +$/g, '')
  if (rule === '') return undefined
  const takesBack = rule.startsWith('!')
  if (takesBack) rule = rule.slice(1)
  if (/^[#!]/.test(rule)) rule = rule.slice(1)
  if (/([^/+])\/.*\*\./.test(rule) && !rule.startsWith('/')) rule = `/${rule}`
  const pattern = toExpression(rule)
  return pattern === undefined ? undefined : { pattern, takesBack }
}

/** Stands for a star of the expression, while the stars of the rule are being replaced. */
const STAR = '\0'

function toExpression(rule: string): RegExp | undefined {
  let text = rule.replaceAll('.', '\\.')
  if (text.startsWith('/**/')) text = text.slice(1)
  text = text
    .replaceAll('/**/', '(/|/.+/)')
    .replaceAll('**/', `(|.${STAR}/)`)
    .replaceAll('/**', `(|/.${STAR})`)
    .replaceAll('\\*', `\\${STAR}`)
    .replaceAll('*', '([^/]*)')
    .replaceAll('?', '\\?')
    .replaceAll(STAR, '*')
  const body = text.endsWith('/') ? `${text}(|.*)$` : `${text}(|/.*)$`
  try {
    return new RegExp(body.startsWith('/') ? `^(|/)${body.slice(1)}` : `^(|.*/)${body}`)
  } catch {
    // As in Kubo, a rule that is no expression counts for nothing.
    return undefined
  }
}
