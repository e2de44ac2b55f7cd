import type { PackageInfo } from './deb.ts'

/** Returns a Homebrew formula that installs the executables by their checksums. */
export function formula(version: string, info: PackageInfo, sums: ReadonlyMap<string, string>): string {
  const block = (target: string): string => {
    const name = `tsipfs-${version}-${target}`
    const sum = sums.get(name)
    if (sum === undefined) return '      odie "no executable was released for this platform"'
    return `      url "${info.homepage}/releases/download/v${version}/${name}"\n      sha256 "${sum}"`
  }
  const system = (name: string, os: string): string =>
    `  on_${name} do\n    on_arm do\n${block(`${os}-arm64`)}\n    end\n    on_intel do\n${block(`${os}-x64`)}\n    end\n  end\n`
  return `class Tsipfs < Formula
  desc "${info.summary}"
  homepage "${info.homepage}"
  version "${version}"
  license any_of: ["Apache-2.0", "MIT"]

${system('macos', 'darwin')}
${system('linux', 'linux')}
  def install
    bin.install Dir["tsipfs-*"].first => "tsipfs"
    generate_completions_from_executable(bin/"tsipfs", "commands", "completion")
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/tsipfs version")
  end
end
`
}
