package import Core
package import Gateway
package import Identity
import NIOCore
import NIOPosix
import Synchronization

/// One end of a tunnel from its files to its end.
package final class TunnelRuntime: Sendable {
    /// Paths of what this end proves itself by, and of what it judges its peers by.
    package struct Files: Sendable {
        package var certificate: String
        package var key: String
        package var authorities: String

        package init(certificate: String, key: String, authorities: String) {
            self.certificate = certificate
            self.key = key
            self.authorities = authorities
        }
    }

    private let files: Files
    private let peers: Set<SPIFFEID>
    private let allowsClassical: Bool
    private let clock: @Sendable () -> Timestamp
    private let tunnel: Tunnel
    private let fault = Mutex<String?>(nil)
    package let listening: GatewayConfiguration.Endpoint
    package let administered: GatewayConfiguration.Endpoint?
    /// What becomes of connections; a reader that is too slow misses some.
    package let events: AsyncStream<TunnelEvent>

    /// Reads the files and begins to take connections.
    ///
    /// - Throws: `GatewayRuntime.Failure` for files that cannot be used, and where nothing can listen.
    package init(
        _ configuration: TunnelConfiguration,
        files: Files,
        peers: Set<SPIFFEID>,
        allowsClassical: Bool,
        admin: GatewayConfiguration.Endpoint?,
        clock: @escaping @Sendable () -> Timestamp
    ) async throws {
        self.files = files
        self.peers = peers
        self.allowsClassical = allowsClassical
        self.clock = clock
        let tls = try Self.tls(files, peers, allowsClassical, clock)
        let (events, continuation) = AsyncStream.makeStream(
            of: TunnelEvent.self,
            bufferingPolicy: .bufferingNewest(1_024)
        )
        self.events = events
        let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, System.coreCount))
        let tunnel = Tunnel(configuration, tls: tls, group: group) { continuation.yield($0) }
        self.tunnel = tunnel
        do throws(Gateway.Failure) {
            if let admin { administered = try await tunnel.administer(at: admin) } else { administered = nil }
            listening = try await tunnel.listen()
        } catch {
            throw GatewayRuntime.Failure("listen", error.message)
        }
    }

    private static func tls(
        _ files: Files,
        _ peers: Set<SPIFFEID>,
        _ allowsClassical: Bool,
        _ clock: @escaping @Sendable () -> Timestamp
    ) throws -> MutualTLS {
        let read = { (path: String, kind: StoredFile.Kind) throws(GatewayRuntime.Failure) -> [UInt8] in
            do throws(FileFault) {
                return try StoredFile.read(path, limit: 16 << 20, kind: kind)
            } catch {
                let message = "`\(path)` cannot be read: it \(error.sentence)"
                throw GatewayRuntime.Failure("unreadable", message, isInput: true)
            }
        }
        let (certificate, authorities) = (try read(files.certificate, .any), try read(files.authorities, .any))
        let key = try read(files.key, .secret)
        do throws(MutualTLS.Failure) {
            return try MutualTLS(
                certificate: certificate,
                key: key,
                authorities: authorities,
                peers: peers,
                allowsClassical: allowsClassical,
                now: clock
            )
        } catch {
            throw GatewayRuntime.Failure(
                "tls",
                error.message,
                help: "`lockstep identity issue` writes svid.pem, svid.key and bundle.json",
                isInput: true
            )
        }
    }

    /// Whom this end proves to be.
    package var own: SPIFFEID { tunnel.tls.own.id }

    /// Reads certificate, key and authorities anew for connections to come; where they cannot be used nothing changes.
    package func reload() throws {
        do {
            tunnel.change(to: try Self.tls(files, peers, allowsClassical, clock))
            fault.withLock { $0 = nil }
        } catch let failure as GatewayRuntime.Failure {
            fault.withLock { $0 = failure.message }
            throw failure
        }
    }

    /// Reads the files anew when they change, until it is cancelled.
    package func watchCertificates(_ talk: @escaping @Sendable (String) -> Void) async {
        let told = LastWord(talk)
        let paths = [files.certificate, files.key, files.authorities]
        await FileWatch.run(over: { paths }, isFailing: { self.fault.withLock { $0 != nil } }) {
            do {
                try self.reload()
                told.say("the certificate was read anew")
                told.forget()
            } catch {
                let why = self.fault.withLock { $0 } ?? "\(error)"
                told.say("error: \(why); the certificate in use stays in use")
            }
        }
    }

    /// Takes no more connections, waits for those that are open, and says what was counted.
    package func stop(within limit: Duration) async -> JSON.Object { await tunnel.drain(within: limit).json }
}
