import Core
import NIOCore
import Wire

extension Admission {
    /// The id of the one request in the body, byte for byte, for an error that comes before the message is looked at.
    ///
    /// Nothing where there is no such request: a notification, a batch, or what no revision takes for a message.
    var requestID: [UInt8]? {
        guard request.head.method == .post, request.body.readableBytes > 0 else { return nil }
        let bytes = request.body.readableBytesUInt8Span
        for revision in [ProtocolRevision.latest, .latestLegacy] {
            guard case .message(let message) = worker.reader.read(bytes, as: revision, from: .client) else { continue }
            guard message.kind == .request, let range = message.idRange else { return nil }
            return Judge.copy(bytes, range)
        }
        return nil
    }
}
