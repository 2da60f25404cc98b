import Core
import Gateway
import NIOCore
import NIOPosix
import NIOSSL

/// A gateway's document with everything that it names, as it was read last.
struct LoadedGateway: Sendable {
    var document: GatewayDocument
    var policy: GatewayFiles.LoadedPolicy?
    var proofs: Proofs
    var tls: ListenerTLS?
    var contexts: [String: NIOSSLContext]

    /// What a gateway that listens there does, with the bundle that is in force where policies are delivered.
    @Sendable
    func settings(_ inForce: BundleKeeper.InForce?, at listening: GatewayConfiguration.Endpoint) -> Settings {
        let document = document.enforcing(inForce)
        let policy = inForce?.policy ?? policy
        let (tls, contexts) = (tls, contexts)
        var configuration = document.configuration
        configuration.listen = listening
        if configuration.address == nil {
            configuration.address = "\(tls == nil ? "http" : "https")://\(listening.authority)"
        }
        var authorities: Set = [listening.authority]
        if listening.isLoopback {
            authorities.formUnion([
                "127.0.0.1:\(listening.port)", "localhost:\(listening.port)", "[::1]:\(listening.port)",
            ])
        }
        if let address = document.configuration.address, let url = RoutedURL(address) {
            authorities.insert(url.port.map { "\(url.host):\($0)" } ?? url.host)
        }
        return Settings(
            configuration,
            policy: policy?.compiled,
            policyName: policy?.digest.description ?? "",
            authorities: authorities,
            proofs: proofs,
            tls: tls
        ) { route, loop in
            let bootstrap = ClientBootstrap(group: loop)
                .channelOption(.autoRead, value: false)
                .channelOption(.writeBufferWaterMark, value: .init(low: 64 << 10, high: 256 << 10))
                .connectTimeout(.seconds(5))
            guard route.isUpstreamTLS else {
                return bootstrap.connect(host: route.upstream.host, port: route.upstream.port)
            }
            guard let context = contexts[route.path] else {
                return loop.makeFailedFuture(GatewayRuntime.Failure("tls", "the route has no TLS"))
            }
            return bootstrap.channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let host = route.upstream.host
                    let isAddress = host.contains(":") || host.utf8.allSatisfy { $0 < 0x3A }
                    let handler = try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : host)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .connect(host: route.upstream.host, port: route.upstream.port)
        }
    }
}
