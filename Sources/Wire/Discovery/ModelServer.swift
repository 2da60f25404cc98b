package import Core

/// A local model server, recognised by what it answers.
///
/// Facts from the projects' own API pages: Ollama `docs/api.md`, LM Studio "REST API v0", vLLM "OpenAI-Compatible
/// Server", llama.cpp `tools/server/README.md`.
package enum ModelServer: String, Sendable, Hashable, CaseIterable {
    case ollama
    case lmStudio = "lm-studio"
    case vLLM = "vllm"
    case llamaCPP = "llama.cpp"

    /// The port that the product listens on unless it is told otherwise.
    package var port: Int {
        switch self {
        case .ollama: 11434
        case .lmStudio: 1234
        case .vLLM: 8000
        case .llamaCPP: 8080
        }
    }

    /// The paths whose answers tell the products apart; all are read with GET and change nothing.
    package static let paths = ["/api/version", "/api/tags", "/api/v0/models", "/props", "/version", "/v1/models"]

    /// One answer to a GET of one of the paths.
    package struct Answer: Sendable, Hashable {
        package var path: String
        package var status: Int
        /// The value of the `Server` header.
        package var server: String?
        package var body: JSON.Value?

        package init(path: String, status: Int, server: String? = nil, body: JSON.Value? = nil) {
            self.path = path
            self.status = status
            self.server = server
            self.body = body
        }
    }

    /// What the answers of one address add up to.
    package struct Identification: Sendable, Hashable {
        package var product: ModelServer
        package var version: String?
        /// The names of the models it serves, sorted.
        package var models: [String]

        package init(product: ModelServer, version: String?, models: [String]) {
            self.product = product
            self.version = version
            self.models = models
        }
    }

    /// The product behind these answers, or nothing where none of them is a clear mark of one.
    ///
    /// A bare `{"version": …}` is no mark: many programs answer so. It only adds a version to a product that another
    /// answer has given away.
    package static func identify(_ answers: [Answer]) -> Identification? {
        let good = Dictionary(
            answers.filter { $0.status == 200 }.map { ($0.path, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        func body(_ path: String) -> JSON.Object? { good[path]?.body?.object }
        let listed = body("/v1/models")?["data"]?.array ?? []
        let owners = Set(listed.compactMap { $0["owned_by"]?.string })

        if let models = body("/api/tags")?["models"]?.array, let version = body("/api/version")?["version"]?.string {
            return Identification(product: .ollama, version: version, models: names(models, "name"))
        }
        if let models = body("/api/v0/models")?["data"]?.array,
            models.allSatisfy({ $0["state"]?.string != nil && $0["type"]?.string != nil })
        {
            return Identification(product: .lmStudio, version: nil, models: names(models, "id"))
        }
        let properties = body("/props")
        if properties?["default_generation_settings"]?.object != nil || owners == ["llamacpp"]
            || answers.contains(where: { $0.server == "llama.cpp" })
        {
            return Identification(
                product: .llamaCPP,
                version: properties?["build_info"]?.string,
                models: names(listed, "id")
            )
        }
        if owners.contains("vllm") {
            return Identification(
                product: .vLLM,
                version: body("/version")?["version"]?.string,
                models: names(listed, "id")
            )
        }
        if owners == ["organization_owner"] {
            return Identification(product: .lmStudio, version: nil, models: names(listed, "id"))
        }
        return nil
    }

    private static func names(_ models: [JSON.Value], _ key: String) -> [String] {
        models.prefix(1_024).compactMap { $0[key]?.string }.sorted()
    }
}
