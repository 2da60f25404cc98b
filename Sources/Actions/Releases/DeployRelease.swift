package import Core
import Identity
package import Policies
import Workspace

extension Estate {
    /// Publishes a release as the next bundle of a directory, after its votes were proven once more.
    ///
    /// A bundle never outlives the approval of what it carries.
    ///
    /// - Parameters:
    ///   - bytes: The release.
    ///   - directory: Where gateways look.
    ///   - mode: Nil is as the release says; a release for shadow cannot be enforced.
    ///   - selector: For whom it is.
    ///   - lasting: How long gateways may rely on it; at most as long as the release holds.
    ///   - gap: Why gateways may take it without knowing the one before.
    ///   - after: With a gap, a revision that gateways know of and the directory does not.
    ///   - now: When it is issued.
    /// - Returns: The bundle, and where it is.
    /// - Throws: `Release.Fault`, `PolicyBundle.Fault`, or what the ledger or the key store could not do.
    package func deploy(
        release bytes: [UInt8],
        to directory: String,
        mode: PolicyBundle.Mode? = nil,
        selector: PolicyBundle.Selector,
        lasting: Duration,
        gap: String? = nil,
        after: Int64 = 0,
        now: Timestamp
    ) throws -> BundleWriter.Deployed {
        let verified = try Release(parsing: bytes).verify(under: configuration, now: now)
        _ = try recalls(verified)
        return try bundleWriter(directory, now: now).deploy(
            .release(String(decoding: bytes, as: UTF8.self)),
            mode: mode,
            selector: selector,
            expires: min(now + lasting, verified.expires),
            gap: gap,
            after: after,
            now: now
        )
    }

    /// Publishes with the workspace's key of purpose `bundle`, which is made when it is first needed.
    package func bundleWriter(_ directory: String, now: Timestamp) throws -> BundleWriter {
        var random = SystemRandomNumberGenerator()
        let ring = try KeyStore(directory: folder.keys).loadOrCreate(.bundle, now: now, using: &random)
        return try BundleWriter(directory: directory, ring: ring)
    }
}
