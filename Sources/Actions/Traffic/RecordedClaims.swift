package import Core

/// What a recording says of itself and only its recorder can know.
extension CallRecord {
    /// Takes away where the arguments are said to come from, and the stand-in of a result that was not kept.
    ///
    /// Who writes a recording can write that a value came from the user, or from a structured result, and a policy would
    /// learn it so. Only what this workspace sealed itself is believed; of everything else the provenance is
    /// computed from the results that are there. That evidence is said to be partial only narrows, and stays.
    ///
    /// - Returns: Whether there was something to take away.
    package mutating func withdrawClaims() -> Bool {
        guard !provenance.isEmpty || result?.digest != nil else { return false }
        provenance = [:]
        result?.digest = nil
        return true
    }

    /// Whether somebody who saw the results noted where the arguments came from, in place of a result that was not kept.
    package var hasRecordedProvenance: Bool { !provenance.isEmpty || result?.digest != nil }
}
