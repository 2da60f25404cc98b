package import Wire

/// One HTTP/1.1 question to a server that is not trusted, and what came of it.
///
/// Everything about an exchange is bounded: how long it may take, how large the head may be, how much of the body is
/// kept. A length that the server announces is never believed, redirects are never followed.
package enum HTTPExchange {
    /// What one exchange, and all exchanges with one endpoint, may use.
    package struct Limits: Sendable, Hashable {
        /// The status line and the headers, and whatever interim responses come before them.
        package var headBytes: Int
        /// The body of one response.
        package var bodyBytes: Int
        /// All bytes of all responses of one endpoint, framing included.
        package var totalBytes: Int
        /// Events of one `text/event-stream` body.
        package var events: Int

        package init(
            headBytes: Int = 64 << 10,
            bodyBytes: Int = 8 << 20,
            totalBytes: Int = 32 << 20,
            events: Int = 1000
        ) {
            self.headBytes = headBytes
            self.bodyBytes = bodyBytes
            self.totalBytes = totalBytes
            self.events = events
        }

        var stream: EventStream.Limits {
            EventStream.Limits(lineBytes: bodyBytes, eventBytes: bodyBytes, events: events, totalBytes: bodyBytes)
        }
    }

    package struct Request: Sendable {
        package var method: String
        /// The path with its query.
        package var path: String
        package var headers: [(name: String, value: String)]
        package var body: [UInt8]
        /// Whether an event of a `text/event-stream` body is the answer, so that the rest need not be waited for.
        package var isAnswer: @Sendable (EventStream.Event) -> Bool

        package init(
            method: String = "GET",
            path: String,
            headers: [(name: String, value: String)] = [],
            body: [UInt8] = [],
            isAnswer: @escaping @Sendable (EventStream.Event) -> Bool = { _ in false }
        ) {
            self.method = method
            self.path = path
            self.headers = headers
            self.body = body
            self.isAnswer = isAnswer
        }
    }

    package struct Answer: Sendable {
        package var status: Int
        package var headers: [(name: String, value: String)]
        /// Empty where the body is an event stream.
        package var body: [UInt8]
        package var events: [EventStream.Event]

        package init(
            status: Int,
            headers: [(name: String, value: String)],
            body: [UInt8] = [],
            events: [EventStream.Event] = []
        ) {
            self.status = status
            self.headers = headers
            self.body = body
            self.events = events
        }

        /// All values of a header, in the order in which they came.
        package func values(_ name: String) -> [String] {
            let wanted = name.lowercased()
            return headers.filter { $0.name.lowercased() == wanted }.map(\.value)
        }

        package func value(_ name: String) -> String? { values(name).first }

        package var isEventStream: Bool { HTTPExchange.isEventStream(value("content-type")) }
        package var isRedirect: Bool { (300..<400).contains(status) && status != 304 }
    }

    /// Why there is no answer.
    package struct Failure: Error, Sendable, Hashable {
        package enum Code: Sendable, Hashable {
            /// No connection came about.
            case unreachable
            /// Nothing was sent in time.
            case silent
            /// Something was sent, but the answer was not complete in time.
            case slow
            /// The connection ended before an answer.
            case closed
            /// The connection ended within an answer, for example short of its announced length.
            case truncated
            /// What came is not HTTP.
            case notHTTP
            case headTooLarge
            case bodyTooLarge
            /// All bytes that one endpoint may send are used up.
            case totalTooLarge
            case tooManyEvents
            /// No TLS connection came about.
            case tls
            /// TLS would work, but the certificate is not one to rely on.
            case untrusted
        }

        package var code: Code
        /// The first bytes that came, framing included.
        package var sample: [UInt8]

        package init(_ code: Code, sample: [UInt8] = []) {
            self.code = code
            self.sample = sample
        }

        /// The reason in words, without anything that the server said.
        package var reason: String {
            switch code {
            case .unreachable: "the connection was not accepted"
            case .silent: "it accepted the connection and did not answer in time"
            case .slow: "the answer was not complete in time"
            case .closed: "it closed the connection without an answer"
            case .truncated: "the answer ended before its announced end"
            case .notHTTP: "the answer is not http"
            case .headTooLarge: "the head of the answer is too large"
            case .bodyTooLarge: "the body of the answer is too large"
            case .totalTooLarge: "it sent more in all than is read of one endpoint"
            case .tooManyEvents: "the event stream has too many events"
            case .tls: "no tls connection came about"
            case .untrusted: "the certificate is not trusted"
            }
        }
    }

    static func isEventStream(_ contentType: String?) -> Bool {
        guard let contentType else { return false }
        let type = contentType.prefix { $0 != ";" }
        return type.lowercased().filter { $0 != " " && $0 != "\t" } == "text/event-stream"
    }
}
