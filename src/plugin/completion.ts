/**
 * The command `completion`: a script for each shell. The scripts know nothing themselves, they ask the plugin
 * (complete.ts), as kubectl does by kubectl_complete-paperspace.
 */
import type { CommandContext } from "./command.ts";
import { UsageError } from "./failure.ts";
import type { Flags } from "./flags.ts";
import { didYouMean } from "./suggest.ts";

const bash = `# kubectl-paperspace for bash: source <(kubectl paperspace completion bash)
_kubectl_paperspace() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    case "$line" in
      :6) compopt -o nospace ;;
      :*) ;;
      *) COMPREPLY+=("\${line%%$'\\t'*}") ;;
    esac
  done < <(kubectl-paperspace __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _kubectl_paperspace kubectl-paperspace
`;

const zsh = `#compdef kubectl-paperspace
# kubectl-paperspace for zsh: source <(kubectl paperspace completion zsh)
_kubectl_paperspace() {
  local -a candidates
  local line
  while IFS= read -r line; do
    [[ $line == :* ]] || candidates+=("\${line/$'\\t'/:}")
  done < <(kubectl-paperspace __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  _describe kubectl-paperspace candidates
}
compdef _kubectl_paperspace kubectl-paperspace
`;

const fish = `# kubectl-paperspace for fish: kubectl paperspace completion fish | source
function __kubectl_paperspace_complete
  set -l words (commandline -opc) (commandline -ct)
  kubectl-paperspace __complete $words[2..-1] 2>/dev/null | string match -v ':*'
end
complete -c kubectl-paperspace -f -a '(__kubectl_paperspace_complete)'
`;

const SCRIPTS: Readonly<Record<string, string>> = { bash, zsh, fish };

export const SHELLS = Object.keys(SCRIPTS);

export async function completion(
  [shell, ...more]: readonly string[],
  _: Flags,
  { output }: CommandContext,
): Promise<void> {
  const valid = `one of ${SHELLS.join(", ")}`;
  if (shell === undefined) throw new UsageError(`completion for which shell? Give ${valid}`);
  const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
  if (script === undefined)
    throw new UsageError(
      `there is no completion for ${JSON.stringify(shell)}${didYouMean(shell, SHELLS)}; give ${valid}`,
    );
  if (more.length > 0)
    throw new UsageError(`completion takes one shell, but ${JSON.stringify(more[0])} came as well`);
  output.print(script);
}
