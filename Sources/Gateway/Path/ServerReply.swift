import Core
import NIOCore
import Wire

/// Tells a server that what it asked of the client will not be answered, so that it does not wait.
final class ServerReply: AnswerReader {
    private var keepsAlive: ServerReply?
    let takesMore = true

    /// Sends the refusal beside everything else; whether the server takes it makes no difference.
    static func refuse(id: [UInt8], passage: Passage, worker: Worker) {
        let body = Refusal(.methodNotFound, .unknownMethod, "the client may not be asked this").body(id: id)
        let reply = Passage(
            verb: .post,
            route: passage.route,
            revision: passage.revision,
            caller: passage.caller,
            session: passage.session,
            body: ByteBuffer(bytes: body),
            calls: [],
            fields: [],
            entries: []
        )
        let reader = ServerReply()
        reader.keepsAlive = reader
        worker.pool(for: passage.route).take { upstream in
            guard let upstream else {
                reader.keepsAlive = nil
                return
            }
            upstream.send(RequestWriter.head(of: reply), reply.body, for: reader)
        }
    }

    func answerBegan(_ head: ResponseHead) {}
    func answer(_ data: ByteBuffer) {}
    func answerEnded() { keepsAlive = nil }
    func answerFailed(_ fault: UpstreamFault) { keepsAlive = nil }
    func flush() {}
}
