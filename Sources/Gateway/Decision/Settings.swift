import Core
import Identity
package import NIOCore
package import Policies

/// A gateway's configuration made ready: looked up, never computed, while requests are decided.
package final class Settings: Sendable {
    package typealias Dial =
        @Sendable (GatewayConfiguration.Route, any EventLoop) -> EventLoopFuture<any Channel>
    package let configuration: GatewayConfiguration
    package let policy: CompiledPolicy?
    /// Names the policy in force in audit entries: its digest.
    package let policyName: String
    package let proofs: Proofs
    let tls: ListenerTLS?
    let dial: Dial
    private let routes: [String: GatewayConfiguration.Route]
    private let authorities: Set<String>
    private let addresses: [String: HTTPAddress]

    /// - Parameters:
    ///   - configuration: As it was read.
    ///   - policy: What is decided by; without it everything is denied but in record mode.
    ///   - policyName: Digest of the policy's bytes.
    ///   - authorities: Names and ports under which clients reach the gateway, as in `Host`.
    ///   - proofs: What proves callers and tasks.
    ///   - tls: Of the gateway's own port; nil is cleartext.
    ///   - dial: Connects to a server.
    package init(
        _ configuration: GatewayConfiguration,
        policy: CompiledPolicy?,
        policyName: String,
        authorities: Set<String>,
        proofs: Proofs,
        tls: ListenerTLS? = nil,
        dial: @escaping Dial
    ) {
        self.configuration = configuration
        self.policy = policy
        self.policyName = policyName
        self.proofs = proofs
        self.tls = tls
        self.dial = dial
        self.authorities = Set(authorities.map { $0.lowercased() })
        routes = Dictionary(configuration.routes.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
        let base = configuration.address ?? "http://\(configuration.listen.authority)"
        let places = configuration.routes.map { ($0.path, HTTPAddress(base + $0.path)) }
        addresses = Dictionary(places, uniquingKeysWith: { first, _ in first }).compactMapValues(\.self)
    }

    /// The same in another mode.
    func inMode(_ mode: GatewayConfiguration.Mode) -> Settings {
        guard mode != configuration.mode else { return self }
        var changed = configuration
        changed.mode = mode
        return Settings(
            changed,
            policy: policy,
            policyName: policyName,
            authorities: authorities,
            proofs: proofs,
            tls: tls,
            dial: dial
        )
    }

    func route(_ path: String) -> GatewayConfiguration.Route? { routes[path] }

    /// Whether a request that names this host was meant for the gateway: a page whose name was made to point here was not.
    func isOwn(authority: String) -> Bool {
        authorities.contains(authority) || authorities.contains(authority.lowercased())
    }

    /// The address of a route as proofs name it (RFC 9449 §4.3).
    func address(of route: GatewayConfiguration.Route) -> HTTPAddress? { addresses[route.path] }

    /// How clients name a route (RFC 8707).
    func resource(of route: GatewayConfiguration.Route) -> String {
        (configuration.address ?? "http://\(configuration.listen.authority)") + route.path
    }
}
