package import Core
package import Wire

/// Recordings as files: read once, a piece at a time, whatever their size.
package struct RecordingFiles: Sendable {
    /// What was read, and what could not be.
    package struct Count: Sendable, Hashable {
        package var calls = 0
        package var quarantined = 0
        /// The first lines that could not be read, at most twenty, each with its file.
        package var examples: [Example] = []
        /// What is to be said of files, a sentence each: what a killed writer left, claims that were not believed.
        package var notes: [String] = []
    }

    package struct Example: Sendable, Hashable {
        package var file: String
        /// One-based.
        package var line: Int
        package var refusal: NativeReader.Refusal
    }

    /// A file that could not be opened or read to its end.
    package struct Failure: Error, Sendable, Hashable {
        package var file: String
        package var fault: RecordingFault
    }

    /// Hands over every call of the files, in their order; `-` is standard input.
    ///
    /// Secrets are tokens in all of them, as in the store, whether a file was imported or not: what is mined, replayed and
    /// explained is decided alike.
    ///
    /// - Throws: `Failure` where a file cannot be read; the calls before it were handed over.
    package static func read(
        _ files: [String],
        _ body: (CallRecord) -> Void
    ) throws(Failure) -> Count {
        var count = Count()
        var secrets = RawSecrets.here { count.notes.append($0) }
        for file in files { try read(file, &count, &secrets, body) }
        return count
    }

    private static func read(
        _ file: String,
        _ count: inout Count,
        _ secrets: inout RawSecrets,
        _ body: (CallRecord) -> Void
    ) throws(Failure) {
        do throws(RecordingFault) {
            for part in try RecordingSource.parts(of: file) {
                let name = part.name
                var reader = NativeReader()
                var isSealedHere = false
                var disbelieved = DisbelievedClaims()
                func take(_ line: Int, _ result: consuming Result<CallRecord, NativeReader.Refusal>) {
                    switch consume result {
                    case .success(var record):
                        count.calls += 1
                        if !isSealedHere { disbelieved.count(record.withdrawClaims()) }
                        // What was imported here has tokens already.
                        if !isSealedHere || record.source == nil { secrets.replace(in: &record) }
                        if record.source == nil {
                            record.source = CallRecord.Source(importer: "native", file: name, line: line)
                        }
                        body(record)
                    case .failure(let refusal):
                        count.quarantined += 1
                        if count.examples.count < 20 {
                            count.examples.append(Example(file: name, line: line, refusal: refusal))
                        }
                    }
                }
                let note = try RecordingSource.read(part) { bytes, isSealed in
                    isSealedHere = isSealed
                    reader.feed(bytes, take)
                }
                reader.finish(take)
                if let note { count.notes.append(note) }
                for claim in RecordedClaims.all where disbelieved.calls(claim) > 0 {
                    let words = claim.words(counted(disbelieved.calls(claim), "call"))
                    count.notes.append(
                        "`\(name)` says itself \(words): that is believed of the workspace's own recordings alone"
                    )
                }
            }
        } catch {
            throw Failure(file: file, fault: error)
        }
    }
}
