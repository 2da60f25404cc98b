import Core
import Gateway
import Identity
import NIOPosix

/// The folder in which a workspace publishes who is denied, as a gateway reads it every two seconds.
struct RevocationFeed: Sendable {
    let pull: RevocationPull
    /// The published list.
    private let path: String
    /// Where the last list is kept that was believed, so that an older one is no news after a restart.
    private let kept: String

    /// - Throws: `GatewayRuntime.Failure` where the list that was kept cannot be read.
    init(_ source: String, at folder: String, keptIn state: GatewayFolder, keys: [DSSEKey]) throws {
        path = folder + "/" + RevocationList.fileName
        kept = state.root + "/control/published"
        var number: Int64 = 0
        do throws(FileFault) {
            let bytes = try StoredFile.read(kept, limit: RevocationList.mostBytes, kind: .plain, mayFollowLink: false)
            // One whose key is not believed any more says nothing; the next list begins anew.
            if case .success(let list) = RevocationList.read(bytes, by: keys) { number = list.number }
        } catch {
            guard error == .missing else {
                throw GatewayRuntime.Failure(
                    "revocations",
                    "the list that was pulled last cannot be read: it \(error.sentence)",
                    help: "take `control/published` out of the gateway's folder"
                )
            }
        }
        pull = RevocationPull(source: source, number: number, elapsed: RevocationPull.clock())
    }

    /// Reads the list once, and waits for disks.
    func read(into shared: Shared) {
        let read: Result<[UInt8], RevocationList.Fault>
        do throws(FileFault) {
            read = .success(try StoredFile.read(path, limit: RevocationList.mostBytes, kind: .plain))
        } catch {
            read = .failure(.init("it \(error.sentence)"))
        }
        guard shared.take(published: read), case .success(let bytes) = read else { return }
        try? StoredFile.write(bytes, to: kept)
    }

    /// Reads the list until the task is cancelled, on a thread of its own: a folder of another machine may not answer.
    func watch(into shared: Shared) -> Task<Void, Never> {
        Task {
            while !Task.isCancelled {
                try? await NIOThreadPool.singleton.runIfActive { self.read(into: shared) }
                try? await Task.sleep(for: RevocationPull.interval)
            }
        }
    }
}

extension Shared {
    /// Takes over what programs wrapped on the gateway's folder wrote about who is denied, until the task is cancelled.
    func followingRevocations() -> Task<Void, Never> {
        Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(250))
                _ = try? await NIOThreadPool.singleton.runIfActive { self.followRevocations() }
            }
        }
    }
}
