import Core
import Gateway

/// Looks every ten seconds whether files have other content, on no event loop.
struct FileWatch: Sendable {
    static let interval: Duration = .seconds(10)
    private static let largest = 16 << 20

    /// The content of all of them; a file that cannot be read counts as one of its own kind.
    static func state(of paths: [String]) -> Digest {
        var bytes: [UInt8] = []
        for path in paths {
            do throws(FileFault) {
                bytes += Digest.sha256(try StoredFile.read(path, limit: largest)).bytes
            } catch {
                bytes += Array(error.sentence.utf8)
            }
            bytes.append(0)
        }
        return .sha256(bytes)
    }

    /// Calls `renew` whenever the content changed, and again while the last change could not be used; ends with the task.
    static func run(
        over paths: @Sendable () -> [String],
        isFailing: @Sendable () -> Bool,
        renew: @Sendable () -> Void
    ) async {
        var last = state(of: paths())
        while !Task.isCancelled {
            try? await Task.sleep(for: interval)
            guard !Task.isCancelled else { return }
            let state = state(of: paths())
            guard state != last || isFailing() else { continue }
            last = state
            renew()
        }
    }
}

extension GatewayRuntime {
    /// Takes certificates, keys, trust bundles and authorities into use when their files change, until it is cancelled.
    ///
    /// Connections that are open stay as they are. Files that cannot be used change nothing; status then says why.
    /// `talk` is told what became of a change, and of a failure once.
    package func watchCertificates(_ talk: @escaping @Sendable (String) -> Void) async {
        let told = LastWord(talk)
        await FileWatch.run(over: { certificatePaths }, isFailing: { isCertificateBehind }) {
            do {
                try renewCertificates()
                told.say("the certificate was read anew")
                told.forget()
            } catch let failure as Failure {
                told.say("error: \(failure.message) [\(failure.code)]; the certificate in use stays in use")
            } catch {
                told.say("error: \(error); the certificate in use stays in use")
            }
        }
    }
}

extension GatewayFiles {
    /// Every file that TLS is made of, here and towards servers.
    var certificatePaths: [String] {
        var names: [String] = []
        if let tls = document.tls { names += [tls.certificate, tls.key] + tls.clients.map(\.bundle) }
        names += document.configuration.routes.compactMap(\.authorities)
        return names.map(path)
    }
}
