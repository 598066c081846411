extension Configuration {
  /// The registry that says what schema ids mean.
  package struct SchemaRegistry: Sendable, CustomReflectable {
    /// Without user, password, or slash at its end.
    package let url: String
    package let user: String?
    /// Never shown; `shownPassword` says where it came from.
    package let password: String?
    let shownPassword: String?
    /// A file of certificates (PEM) that vouch for the registry; nil for the system's.
    package let authorityFile: String?
    /// How long one request may take, in microseconds.
    package let timeoutMicros: Int64
    /// A folder in which answers are kept for later starts; nil for none.
    package let cacheFolder: String?
    /// How a topic's subject is called, with `{topic}` and `{message}` in it.
    let subjectPattern: String

    /// The subject under which the schema of a source's first topic is registered.
    package func subject(of source: Source) -> String {
      subjectPattern.replacing("{topic}", with: source.topics.first ?? "")
        .replacing("{message}", with: source.message)
    }

    package var customMirror: Mirror { Mirror(self, children: ["url": url]) }
  }
}
