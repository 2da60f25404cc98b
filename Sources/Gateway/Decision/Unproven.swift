package import Core
import Synchronization

/// Why requests proved nobody, for whoever has to find out why an agent is refused: by cause, how often and when last.
///
/// Nothing of what was sent is kept. The causes are the gateway's own, and few.
package final class Unproven: Sendable {
    package struct Cause: Sendable, Hashable {
        package let code: String
        package let message: String

        static let nobody = Cause(code: "token.missing", message: "there is no token, and callers are not declared")
        static let noIssuer = Cause(code: "token.no-issuer", message: "there is a token, and no issuer is believed")
    }

    package struct Count: Sendable, Hashable {
        package let cause: Cause
        package internal(set) var number: Int
        package internal(set) var last: Timestamp
    }

    private static let most = 256
    private let counts = Mutex<[Cause: Count]>([:])

    func count(_ cause: Cause, at now: Timestamp) {
        counts.withLock { counts in
            guard counts[cause] != nil || counts.count < Self.most else { return }
            counts[cause, default: Count(cause: cause, number: 0, last: now)].number += 1
            counts[cause]?.last = now
        }
    }

    /// The most frequent first.
    package var all: [Count] {
        counts.withLock { Array($0.values) }.sorted { ($1.number, $0.cause.code) < ($0.number, $1.cause.code) }
    }

    var json: JSON.Value {
        .array(
            all.map {
                [
                    "code": .string($0.cause.code), "message": .string($0.cause.message),
                    "count": .integer(Int64($0.number)), "time": .string($0.last.description),
                ]
            }
        )
    }
}
