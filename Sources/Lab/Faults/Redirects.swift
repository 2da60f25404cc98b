import Core
import NIOHTTP1
import Synchronization

/// Sends every request elsewhere: to a bystander, who counts those that come.
struct Redirects: Site {
    let target: String

    func reply(to request: HTTPRequest) -> HTTPReply {
        HTTPReply(.temporaryRedirect, headers: [("Location", target)])
    }
}

/// A host that has nothing to do with the conversation; nobody should call it on another's word.
final class Bystander: Site {
    private let hits = Mutex(0)

    func reply(to request: HTTPRequest) -> HTTPReply {
        guard request.path == "/_lab/hits" else {
            hits.withLock { $0 += 1 }
            return HTTPReply(.notFound)
        }
        return .json(JSON.canonical(["hits": .integer(Int64(hits.withLock { $0 }))]))
    }
}
