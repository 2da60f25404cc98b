import Core
import Inspection

/// Reads the files of one home, each once, and gathers what they declare.
struct ConfigurationReader {
    private static let maxClaimedProjects = 2_000

    let survey: ConfigurationSurvey
    let user: String?
    private(set) var result = SurveyResult()
    private var seen: Set<String> = []
    private var filesRead = 0
    private var isOverLimit = false

    init(survey: ConfigurationSurvey, user: String?) {
        self.survey = survey
        self.user = user
    }

    /// Reads a file unless it was read before; answers the project folders that it names.
    mutating func read(_ place: PlaceFinder.Place, _ source: ConfigurationSource) -> [String] {
        guard seen.insert(place.resolved).inserted else { return [] }
        if case .unread(let format) = source.format {
            gap(place.path, "the format is not read: \(format)")
            return []
        }
        guard filesRead < survey.limits.files else {
            if !isOverLimit {
                gap(place.path, "more than \(survey.limits.files) files; this and later ones were not read")
            }
            isOverLimit = true
            return []
        }
        filesRead += 1
        let (gapsBefore, findingsBefore) = (result.gaps.count, result.findings.count)
        defer {
            for index in findingsBefore..<result.findings.count { result.findings[index].place = place.path }
            // A file of which a part could not be read may still hold what it held before.
            if result.gaps.count == gapsBefore { result.covered.insert(place.path) }
        }
        do {
            let (bytes, facts) = try ReadOnlyFiles.read(place.resolved, limit: survey.limits.fileBytes)
            result.examined["files", default: 0] += 1
            let document = try ConfigurationText.read(bytes, format: source.format, limit: survey.limits.fileBytes)
            let holdsSecrets = collect(document, place.path, source)
            if holdsSecrets, ReadOnlyFiles.isWorldReadable(place.resolved, mode: facts.mode) {
                result.findings.append(
                    Finding(
                        code: "configuration.world-readable",
                        severity: .high,
                        subject: place.path,
                        message: "everybody on the machine can read a client configuration that holds secrets",
                        evidence: "mode \(String(facts.mode & 0o777, radix: 8)) of \(place.path)"
                    )
                )
            }
            return document["projects"]?.object?.keys ?? []
        } catch let refusal as FileRefusal {
            gap(place.path, refusal.reason)
        } catch let refusal as ConfigurationText.Refusal {
            gap(place.path, refusal.reason)
        } catch {
            gap(place.path, "it could not be read")
        }
        return []
    }

    /// Folders below the root that a client remembers as projects; those elsewhere are gaps.
    ///
    /// A copied home names the places of the machine that it comes from, so `/home/ana/x` and `/Users/ana/x` mean `x`
    /// in the home of ana.
    mutating func projects(_ claimed: [String], below root: String) -> [String] {
        var folders: [String] = []
        var elsewhere: [String] = []
        for path in claimed.prefix(Self.maxClaimedProjects) where path != root && path.hasPrefix("/") {
            let parts = path.split(separator: "/", omittingEmptySubsequences: true)
            guard !parts.contains("..") else { continue }
            if path.hasPrefix(root + "/") {
                folders.append(path)
            } else if parts.count > 2, ["home", "Users"].contains(parts[0]), parts[1] == Substring(user ?? "") {
                folders.append(root + "/" + parts[2...].joined(separator: "/"))
            } else if !(parts.count == 2 && ["home", "Users"].contains(parts[0])) {
                elsewhere.append(path)
            }
        }
        if claimed.count > Self.maxClaimedProjects {
            gap(
                root,
                "\(claimed.count - Self.maxClaimedProjects) more projects than the limit of \(Self.maxClaimedProjects)"
            )
        }
        for path in elsewhere.prefix(100) {
            gap(Credentials.redact(path), "a project outside the folders that were given")
        }
        if elsewhere.count > 100 {
            gap(root, "\(elsewhere.count - 100) more projects outside the folders that were given")
        }
        return folders
    }

    private mutating func gap(_ subject: String, _ reason: String) {
        result.gaps.append(CoverageGap(subject: subject, reason: reason))
    }

    /// Reads the servers at every key path; answers whether the file holds a secret.
    private mutating func collect(_ document: JSON.Value, _ file: String, _ source: ConfigurationSource) -> Bool {
        guard document.object != nil else {
            if !document.isNull { gap(file, "the file holds a value of type \(document.kindName), not an object") }
            return false
        }
        var holdsSecrets = false
        var count = 0
        var foundAny = false
        for path in source.servers {
            if path.isEmpty, foundAny { continue }
            var places: [(keys: [String], value: JSON.Value)] = [([], document)]
            for component in path {
                places = places.flatMap { place in Self.step(place, component) }
            }
            for (keys, value) in places where !value.isNull {
                foundAny = foundAny || !path.isEmpty
                for (name, entry) in Self.entries(value, isRoot: path.isEmpty) {
                    count += 1
                    guard count <= survey.limits.serversPerFile else {
                        gap(
                            file,
                            "more than \(survey.limits.serversPerFile) servers in one file; the others were not read"
                        )
                        return holdsSecrets
                    }
                    let key = (keys + [name]).map { Credentials.redact($0) }.joined(separator: ".")
                    if take(entry, name: name, location: "\(file)#\(key)", source.client) { holdsSecrets = true }
                }
                if value.object == nil, value.array == nil {
                    let key = keys.map { Credentials.redact($0) }.joined(separator: ".")
                    gap("\(file)#\(key)", "servers must be an object or a list, not a value of type \(value.kindName)")
                }
            }
        }
        return holdsSecrets
    }

    private static func step(
        _ place: (keys: [String], value: JSON.Value),
        _ component: String
    ) -> [(keys: [String], value: JSON.Value)] {
        guard component == "*" else {
            return place.value[component].map { [(place.keys + [component], $0)] } ?? []
        }
        return place.value.object?.map { (place.keys + [$0.key], $0.value) } ?? []
    }

    /// Name and entry of each server: the members of an object, or a list whose elements have a name.
    private static func entries(_ value: JSON.Value, isRoot: Bool) -> [(name: String, entry: JSON.Value)] {
        if let object = value.object {
            return object.filter { !isRoot || Declaration.looksLikeServer($0.value) }.map { ($0.key, $0.value) }
        }
        return (value.array ?? []).enumerated().map { index, entry in
            let name = entry["name"]?.string ?? entry["id"]?.string ?? entry["key"]?.string
            return (name ?? "\(index)", entry)
        }
    }

    private mutating func take(_ entry: JSON.Value, name: String, location: String, _ client: String) -> Bool {
        do throws(EntryRefusal) {
            guard let declaration = try Declaration.read(entry, name: name, client: client) else { return false }
            let outcome = try declaration.sighting(
                location: location,
                client: client,
                user: user,
                host: survey.host,
                digest: survey.digest
            )
            result.sightings.append(outcome.sighting)
            result.findings += outcome.findings
            return outcome.holdsSecrets
        } catch {
            gap(location, error.reason)
            return false
        }
    }
}
