/// What the Lab was asked to do.
struct Options {
    var manifest: String?
    /// 0 lets the kernel choose each port.
    var basePort = 0
    /// How long to run; nothing means until a signal comes.
    var seconds: Int?
    var seed: UInt64 = 1
    var driftAfter = 0
    var hasFaults = false

    static let usage = """
        usage: lockstep-lab [--manifest FILE] [--base-port N] [--for SECONDS] [--seed N] [--drift-after N] [--faults]
               lockstep-lab stdio NAME

        """

    struct Refused: Error {
        var message: String
    }

    init(_ arguments: [String]) throws(Refused) {
        var rest = arguments[...]
        while let option = rest.popFirst() {
            switch option {
            case "--faults": hasFaults = true
            case "--manifest": manifest = try Self.value(of: option, &rest)
            case "--base-port": basePort = try Self.number(of: option, &rest, 0...65_000)
            case "--for": seconds = try Self.number(of: option, &rest, 0...1_000_000)
            case "--seed": seed = UInt64(try Self.number(of: option, &rest, 0...Int.max))
            case "--drift-after": driftAfter = try Self.number(of: option, &rest, 0...1_000_000)
            default: throw Refused(message: "unknown option `\(option)`")
            }
        }
    }

    private static func value(of option: String, _ rest: inout ArraySlice<String>) throws(Refused) -> String {
        guard let value = rest.popFirst() else { throw Refused(message: "`\(option)` needs a value") }
        return value
    }

    private static func number(
        of option: String,
        _ rest: inout ArraySlice<String>,
        _ range: ClosedRange<Int>
    ) throws(Refused) -> Int {
        let value = try value(of: option, &rest)
        guard let number = Int(value), range.contains(number) else {
            throw Refused(message: "`\(value)` is no value for `\(option)`")
        }
        return number
    }
}
