import Core
import NIOCore

/// An order on the admin port that is carried out where the disk can be waited for, and answered afterwards.
final class AdminWork: RequestWork {
    private let connection: ClientConnection
    private let loop: any EventLoop
    private let disk: DiskQueue
    private let order: @Sendable () -> Answer
    private var isLeft = false

    init(
        _ connection: ClientConnection,
        loop: any EventLoop,
        disk: DiskQueue,
        _ order: @escaping @Sendable () -> Answer
    ) {
        self.connection = connection
        self.loop = loop
        self.disk = disk
        self.order = order
    }

    let caller = Caller(principal: .init(id: "", kind: .declared))
    let isEndless = false
    let isStreaming = false
    let deadline = NIODeadline.distantFuture

    func start() {
        let bound = NIOLoopBound(self, eventLoop: loop)
        let (loop, order) = (loop, order)
        disk.run {
            let answer = order()
            loop.execute { bound.value.finish(answer) }
        }
    }

    private func finish(_ answer: Answer) {
        guard !isLeft else { return }
        connection.write(answer.bytes(closes: connection.closesAfterAnswer))
        connection.finish()
    }

    func clientLeft() { isLeft = true }
    func clientTakesMore() {}
    func end(_ reason: EndReason) {}
}
