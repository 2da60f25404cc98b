import Core
import NIOCore
import NIOSSL

/// What one TLS connection showed: seen, not relied on.
struct TLSObservation: Sendable, Hashable {
    var version: String
    var certificate: Digest?
    var notAfter: Timestamp?

    /// Reads the connection's own state; only on its event loop, and only after the handshake is there something.
    init?(_ channel: any Channel) {
        guard let handler = try? channel.pipeline.syncOperations.handler(type: NIOSSLHandler.self),
            let version = handler.tlsVersion
        else { return nil }
        self.version =
            switch version {
            case .tlsv1: "TLSv1"
            case .tlsv11: "TLSv1.1"
            case .tlsv12: "TLSv1.2"
            case .tlsv13: "TLSv1.3"
            }
        guard let peer = handler.peerCertificate else { return }
        certificate = (try? peer.toDERBytes()).map { Digest.sha256($0) }
        notAfter = Timestamp(seconds: Int64(peer.notValidAfter))
    }

    /// Whether a handshake failed only over whom the certificate vouches for.
    static func isAboutTrust(_ error: any Error) -> Bool {
        switch error {
        case NIOSSLError.unableToValidateCertificate: return true
        case let error as NIOSSLExtraError: return error == .failedToValidateHostname
        default:
            // BoringSSL reports this as one entry of its error queue, which has no typed form.
            return String(describing: error).contains("CERTIFICATE_VERIFY_FAILED")
        }
    }
}
