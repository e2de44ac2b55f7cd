/** The shells that completion is made for. */
export type Shell = 'bash' | 'zsh' | 'fish' | 'powershell'

/** Returns the script that a shell loads. It asks the program itself at every TAB, so it never grows old. */
export function completionScript(shell: Shell): string {
  return SCRIPTS[shell]
}

const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# bash completion for tsipfs: . <(tsipfs commands completion bash)
_tsipfs() {
  local IFS=$'\\n' line files=none
  COMPREPLY=()
  local words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  local current="\${COMP_WORDS[COMP_CWORD]}"
  while read -r line; do
    case $line in
      :files | :folders) files=\${line#:} ;;
      "$current"*) COMPREPLY+=("$line") ;;
    esac
  done < <(tsipfs complete -- "\${words[@]}" 2>/dev/null)
  case $files in
    files) COMPREPLY+=($(compgen -f -- "$current")); compopt -o filenames 2>/dev/null ;;
    folders) COMPREPLY+=($(compgen -d -- "$current")); compopt -o filenames 2>/dev/null ;;
  esac
}
complete -F _tsipfs tsipfs
`,
  zsh: `#compdef tsipfs
# zsh completion for tsipfs: tsipfs commands completion zsh > "\${fpath[1]}/_tsipfs"
_tsipfs() {
  local -a found
  local line files=none
  for line in "\${(@f)$(tsipfs complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      :files|:folders) files=\${line#:} ;;
      ?*) found+=("$line") ;;
    esac
  done
  (( \${#found} )) && compadd -a found
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
  for line in (tsipfs complete -- $words "$current" 2>/dev/null)
    switch $line
      case :files
        __fish_complete_path $current
      case :folders
        __fish_complete_directories $current
      case '*'
        echo $line
    end
  end
end
complete -c tsipfs -f -a '(__tsipfs_complete)'
`,
  powershell: `# PowerShell completion for tsipfs: tsipfs commands completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName tsipfs -ScriptBlock {
  param($word, $ast, $position)
  $words = @($ast.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  if ($word -eq '') { $words += '' }
  tsipfs complete -- @words 2>$null | Where-Object { $_ -notlike ':*' -and $_ -like "$word*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`,
}
