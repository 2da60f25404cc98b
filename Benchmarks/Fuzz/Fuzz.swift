import CFuzzer
import Foundation

/// Feeds the gateway's readers with inputs that libFuzzer changes, and compares what they say with other readers.
///
///     Fuzz --minutes 60 --seed 1 --cases Tests/Interop/Cases/bypass --corpus FOLDER --findings FOLDER [--only LETTERS]
///     Fuzz --replay FILE…
///
/// A crash, a hang or a trap ends the process, and its input stays in the folder of findings as `crash-…` or
/// `timeout-…`; a property that does not hold is kept there under its name, and the run goes on. The exit code is 0
/// where nothing was found.
@main
enum Fuzz {
    static func main() {
        let options = Options(Array(CommandLine.arguments.dropFirst()))
        if !options.replays.isEmpty { exit(replay(options.replays)) }
        guard let corpus = options.corpus, let findings = options.findings else {
            print("usage: Fuzz --minutes N --seed S --cases FOLDER --corpus FOLDER --findings FOLDER | --replay FILE…")
            exit(3)
        }
        let files = FileManager.default
        do {
            for folder in [corpus, findings] {
                try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
            }
            if let cases = options.cases { try Seeds.write(cases: cases, to: corpus) }
        } catch {
            print("error: \(error)")
            exit(1)
        }
        unsafe Findings.shared.folder = findings
        if let only = options.only { unsafe Target.chosen = Set(only.utf8.compactMap { Target(rawValue: $0) }) }
        var words = [
            "Fuzz", corpus, "-artifact_prefix=\(findings)/", "-max_total_time=\(options.minutes * 60)",
            "-seed=\(options.seed)", "-max_len=16384", "-timeout=20", "-rss_limit_mb=3072", "-print_final_stats=1",
            "-reload=0", "-report_slow_units=5", "-use_value_profile=0", "-verbosity=0", "-handle_abrt=1",
        ]
        if options.minutes == 0 { words.append("-runs=0") }
        atexit { unsafe Findings.shared.printFigures(isLast: true) }
        run(words)
    }

    /// Hands over to libFuzzer, which does not come back.
    private static func run(_ words: [String]) {
        // The words live as long as the process.
        let pointers = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: words.count + 1)
        for (position, word) in words.enumerated() { unsafe pointers[position] = unsafe strdup(word) }
        unsafe pointers[words.count] = nil
        var count = CInt(words.count)
        var start: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> = unsafe pointers
        let code = unsafe LLVMFuzzerRunDriver(&count, &start) { data, size in
            // What is not for this run is not kept in its corpus.
            Target.run(unsafe Array(UnsafeBufferPointer(start: data, count: size))) ? 0 : -1
        }
        exit(code)
    }

    private static func replay(_ paths: [String]) -> CInt {
        unsafe Findings.shared.isReplay = true
        for path in paths {
            guard let data = FileManager.default.contents(atPath: path) else {
                print("error: `\(path)` cannot be read")
                return 1
            }
            print(path)
            _ = Target.run(Array(data))
        }
        return unsafe Findings.shared.isClean ? 0 : 2
    }

    private struct Options {
        var minutes = 1
        var seed = 1
        var cases: String?
        var corpus: String?
        var findings: String?
        var only: String?
        var replays: [String] = []

        init(_ words: [String]) {
            var rest = words[...]
            while let word = rest.popFirst() {
                switch word {
                case "--minutes": minutes = rest.popFirst().flatMap { Int($0) } ?? minutes
                case "--seed": seed = rest.popFirst().flatMap { Int($0) } ?? seed
                case "--cases": cases = rest.popFirst()
                case "--corpus": corpus = rest.popFirst()
                case "--findings": findings = rest.popFirst()
                case "--only": only = rest.popFirst()
                case "--replay":
                    replays = Array(rest)
                    rest = []
                default:
                    print("error: `\(word)` is not known")
                    exit(3)
                }
            }
        }
    }
}
