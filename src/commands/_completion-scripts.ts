/** The shells that completion is made for. */
export type Shell = 'bash' | 'zsh' | 'fish' | 'powershell'

/** Returns the script that a shell loads. It asks the program itself at every TAB, so it never grows old. */
export function completionScript(shell: Shell): string {
  return SCRIPTS[shell]
}

const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# bash completion for tsipfs: . <(tsipfs commands completion bash)
_tsipfs() {
  local IFS=$'\\n' line files=none token joined='' cut rest
  local -a words=()
  COMPREPLY=()
  rest=\${COMP_LINE#"\${COMP_LINE%%[![:space:]]*}"}
  # bash takes words apart at = and : too.
  for token in "\${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
    case $rest in
      [[:space:]]* | '') words+=("$joined") joined=$token ;;
      *) joined+=$token ;;
    esac
    rest=\${rest#*"$token"}
  done
  words+=("$joined")
  token=\${COMP_WORDS[COMP_CWORD]}
  case $token in [=:]*) token='' ;; esac
  cut=\${joined%"$token"}
  while read -r line; do
    case $line in
      :files | :folders) files=\${line#:} ;;
      *)
        line=\${line#"$cut"}
        case $token in [\\"\\']*) ;; *) printf -v line %q "$line" ;; esac
        COMPREPLY+=("$line")
        ;;
    esac
  done < <(tsipfs complete -- "\${words[@]:1}" 2>/dev/null)
  case \${#COMPREPLY[@]}$COMPREPLY in 1*[/=.]) compopt -o nospace 2>/dev/null ;; esac
  case $files in
    files) COMPREPLY+=($(compgen -f -- "$token")); compopt -o filenames 2>/dev/null ;;
    folders) COMPREPLY+=($(compgen -d -- "$token")); compopt -o filenames 2>/dev/null ;;
  esac
}
complete -F _tsipfs tsipfs
`,
  zsh: `#compdef tsipfs
# zsh completion for tsipfs: tsipfs commands completion zsh > "\${fpath[1]}/_tsipfs"
_tsipfs() {
  local -a found open
  local line files=none
  for line in "\${(@f)$(tsipfs complete -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}"; do
    case $line in
      :files|:folders) files=\${line#:} ;;
      *[/=.]) open+=("$line") ;;
      ?*) found+=("$line") ;;
    esac
  done
  (( \${#found} )) && compadd -a found
  (( \${#open} )) && compadd -S '' -a open
  [[ $files = none ]] || compset -P '--*='
  [[ $files = files ]] && _files
  [[ $files = folders ]] && _files -/
  return 0
}
if [ "$funcstack[1]" = "_tsipfs" ]; then _tsipfs "$@"; else compdef _tsipfs tsipfs; fi
`,
  fish: `# fish completion for tsipfs: tsipfs commands completion fish | source
function __tsipfs_complete
  set -l words (commandline -opc)
  set -e words[1]
  set -l current (commandline -ct)
  set -l before (string match -r -- '^--[^=]*=' $current)
  set -l value (string replace -r -- '^--[^=]*=' '' $current)
  for line in (tsipfs complete -- $words "$current" 2>/dev/null)
    switch $line
      case :files
        printf '%s\\n' "$before"(__fish_complete_path "$value")
      case :folders
        printf '%s\\n' "$before"(__fish_complete_directories "$value" '')
      case '*'
        echo $line
    end
  end
end
complete -c tsipfs -f -a '(__tsipfs_complete)'
`,
  powershell: `# PowerShell completion for tsipfs: tsipfs commands completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName 'tsipfs', 'tsipfs.exe' -ScriptBlock {
  param($word, $ast, $position)
  $words = @($ast.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.StartOffset -lt $position } | ForEach-Object {
    if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.Extent.Text }
  })
  # Before 7.3, and where one asks for it still, an empty argument would be lost.
  $empty = ''
  if ($PSVersionTable.PSVersion -lt [version]'7.3' -or $PSNativeCommandArgumentPassing -eq 'Legacy') { $empty = '""' }
  if ($word -eq '') { $words += $empty }
  $found = @(tsipfs complete '--' @words 2>$null)
  $results = @($found | Where-Object { $_ -notlike ':*' } | ForEach-Object {
    $text = $_
    if ($text -notmatch '^[A-Za-z0-9_./:=+%-]+$') { $text = "'" + $text.Replace("'", "''") + "'" }
    [System.Management.Automation.CompletionResult]::new($text, $_, 'ParameterValue', $_)
  })
  $results
  if ($found -like ':*') { [System.Management.Automation.CompletionCompleters]::CompleteFilename($word) }
  # The shell completes files wherever nothing comes back.
  elseif ($results.Count -eq 0) { '' }
}
`,
}
