import Core
import FoundationEssentials
import Glibc

/// Starts the estate, or one server over stdio.
@main
enum Lab {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.first == "stdio" {
            guard arguments.count == 2, let code = StdioServer.run(arguments[1]) else {
                complain("no stdio server has the name `\(arguments.dropFirst().first ?? "")`")
                exit(3)
            }
            exit(code)
        }
        if arguments.contains("--help") {
            print(Options.usage, terminator: "")
            exit(0)
        }
        let options: Options
        do throws(Options.Refused) {
            options = try Options(arguments)
        } catch {
            complain(error.message)
            exit(3)
        }
        run(options)
    }

    private static func run(_ options: Options) -> Never {
        // Before any thread exists, so that all of them leave the signals to the wait below.
        let signals = Signals.blockEnding()
        do {
            let estate = Estate(options: options)
            let manifest = try estate.start()
            if let path = options.manifest {
                // The rename makes it whole or absent: who sees the file may connect.
                try Data((JSON.pretty(manifest)).utf8).write(to: URL(filePath: path), options: .atomic)
                FileHandleText.write(Array("\(path)\n".utf8), to: 1)
            } else {
                FileHandleText.write(Array("\(manifest)\n".utf8), to: 1)
            }
            Signals.wait(for: signals, seconds: options.seconds)
            withExtendedLifetime(estate) {}
            exit(0)
        } catch {
            complain("the lab could not start: \(error)")
            exit(1)
        }
    }

    static func complain(_ message: String) {
        FileHandleText.standardError("lockstep-lab: \(message)\n\(Options.usage)")
    }
}

/// The signals that end the Lab, taken at one place and in order.
enum Signals {
    static func blockEnding() -> sigset_t {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, SIGTERM)
        unsafe sigaddset(&set, SIGINT)
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        return set
    }

    /// Returns when one of the signals came or the time is over.
    static func wait(for signals: sigset_t, seconds: Int?) {
        var set = signals
        guard let seconds else {
            var signal: Int32 = 0
            unsafe sigwait(&set, &signal)
            return
        }
        var time = timespec(tv_sec: seconds, tv_nsec: 0)
        unsafe sigtimedwait(&set, nil, &time)
    }
}

/// Bytes to the standard streams, past any buffer.
enum FileHandleText {
    static func standardError(_ text: String) { write(Array(text.utf8), to: 2) }

    /// Writes everything; answers whether the reader is still there.
    @discardableResult
    static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var start = 0
        while start < bytes.count {
            let written = unsafe bytes[start...].withUnsafeBytes { buffer in
                unsafe Glibc.write(descriptor, buffer.baseAddress, buffer.count)
            }
            if written < 0 {
                if errno == EINTR { continue }
                return false
            }
            start += written
        }
        return true
    }
}
