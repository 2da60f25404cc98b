import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Listens on loopback; the kernel picks the port where none is given.
struct Listener: Sendable {
    let group: MultiThreadedEventLoopGroup

    /// Binds first and serves later: an address is in the manifest before its site, which needs the address, exists.
    func bind(port: Int, serve: @escaping @Sendable (any Channel) throws -> Void) throws -> any Channel {
        try ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try serve(channel) }
            }
            .bind(host: "127.0.0.1", port: port).wait()
    }

    /// Serves HTTP to a connection.
    static func serveHTTP(_ site: any Site, on channel: any Channel, tls: NIOSSLContext?) throws {
        let pipeline = channel.pipeline.syncOperations
        if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
        try pipeline.configureHTTPServerPipeline()
        try pipeline.addHandler(HTTPExchange(site: site))
    }
}
