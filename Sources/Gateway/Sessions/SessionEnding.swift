import Core
import NIOCore
import Wire

/// Ends sessions at their servers, because whoever opened them is denied.
///
/// Nobody waits for it: a few at a time are tried once each, a server that does not answer soon is left alone, and what is
/// too much is left to the server's own limits. At the gateway the sessions are over in any case.
final class SessionEnding: AnswerReader {
    static let atOnce = 16
    static let most = 4_096
    static let patience: TimeAmount = .seconds(2)

    private let worker: Worker
    private var left: [ProtocolSession]
    private var upstream: UpstreamConnection?
    /// Tells a late answer from the one that is waited for.
    private var turn = 0
    let takesMore = true

    static func end(_ sessions: [ProtocolSession], by worker: Worker) {
        let sessions = sessions.prefix(most)
        for lane in 0..<min(atOnce, sessions.count) {
            let own = stride(from: lane, to: sessions.count, by: atOnce).map { sessions[$0] }
            SessionEnding(own, worker).next()
        }
    }

    private init(_ sessions: [ProtocolSession], _ worker: Worker) {
        left = sessions.reversed()
        self.worker = worker
    }

    private func next() {
        turn += 1
        upstream = nil
        let turn = turn
        guard let session = left.popLast() else { return }
        guard let route = worker.settings.route(session.route), route.transport == .streamable else { return next() }
        let passage = Passage(
            verb: .delete,
            route: route,
            revision: session.revision,
            caller: session.caller,
            session: session,
            body: ByteBuffer(),
            calls: [],
            fields: [],
            entries: []
        )
        let bound = NIOLoopBound(self, eventLoop: worker.loop)
        worker.loop.scheduleTask(in: Self.patience) { bound.value.giveUp(turn) }
        worker.pool(for: route).take { [self] upstream in
            guard turn == self.turn else {
                upstream?.abandon()
                return
            }
            guard let upstream else { return next() }
            self.upstream = upstream
            upstream.send(RequestWriter.head(of: passage), ByteBuffer(), for: self)
        }
    }

    private func giveUp(_ turn: Int) {
        guard turn == self.turn else { return }
        upstream?.abandon()
        next()
    }

    func answerBegan(_ head: ResponseHead) {}
    func answer(_ data: ByteBuffer) {}
    func answerEnded() { next() }
    func answerFailed(_ fault: UpstreamFault) { next() }
    func flush() {}
}
