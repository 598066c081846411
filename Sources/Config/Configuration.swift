/// A configuration file, read and checked: every value typed, every default filled in, every path
/// absolute, every reference resolved.
///
/// The program maps it to the `Options` of its modules; no other module sees it. What each key
/// means, its range and its default stand in docs/CONFIG.md.
package struct Configuration: Sendable {
  /// The file it was read from, as it was named.
  package let file: String
  /// Names the ledger; part of group ids and file names.
  package let pipeline: String
  package let lanes: Lanes
  package let kafka: Kafka
  /// Nil where none is configured.
  package let schemaRegistry: SchemaRegistry?
  /// In the order of the file, so that `sources[i]` is also the key path.
  package internal(set) var sources: [Source]
  package let windows: [Window]
  package let detectors: [Detector]
  package let storage: Storage
  package let tables: Tables
  package let maintenance: Maintenance
  package let memory: Memory
  package let http: HTTP
  package let admin: Admin
  package let alerts: Alerts
  package let log: Log
  /// The block `event_time`; each source carries its own, inherited from this.
  package let eventTime: EventTime

  let places: Places

  /// Where the file has what, for faults that are found later. Holds the text of the file, which
  /// may have secrets in it: `dump` and `String(reflecting:)` show none of it.
  struct Places: Sendable, CustomReflectable {
    let positions: [String: KeyPositions]
    let redactions: [Int: Int]
    let document: DocumentText
    /// Where every single value of the file is from, by its key path.
    let origins: [String: ValueOrigin]

    var customMirror: Mirror { Mirror(self, children: [:]) }
  }

  /// How many worker threads drain Kafka.
  package enum Lanes: Hashable, Sendable {
    /// Half of the processors: the rest is for Kafka's threads and the writer.
    case auto
    case count(Int)
  }

  /// Limits of memory the program counts itself.
  package struct Memory: Hashable, Sendable {
    /// Bytes of decoded rows and encoded files that may wait for storage, over all lanes;
    /// partitions are paused beyond it.
    package let bufferByteCountMax: Int64
  }

  /// The endpoint for scrapes and people.
  package struct HTTP: Hashable, Sendable {
    /// Where `/metrics`, `/livez`, `/readyz` and `/status` are served; nil for nowhere.
    package let listen: Endpoint?
    /// Nil for none.
    package let tls: TLS?
    /// Who may log in by name and password.
    package let users: [User]
    package let bearerToken: SecretText?

    /// Files of certificates and keys (PEM), absolute.
    package struct TLS: Hashable, Sendable {
      package let certificate: String
      package let key: String
      /// Certificates that vouch for clients; nil lets every client in.
      package let clientAuthority: String?
    }

    /// One who may log in.
    package struct User: Hashable, Sendable, CustomReflectable {
      package let name: String
      /// bcrypt's; never shown.
      package let passwordHash: String

      package var customMirror: Mirror { Mirror(self, children: ["name": name]) }
    }

    /// Whether other machines reach it, and nothing asks who they are or hides what is said.
    package var isUnguarded: Bool {
      guard let listen else { return false }
      return !listen.isLoopback && tls == nil && users.isEmpty && bearerToken == nil
    }

    /// Whether passwords or the token go over a network as anybody on the way can read them.
    package var takesSecretsInClear: Bool {
      guard let listen else { return false }
      return !listen.isLoopback && tls == nil && (!users.isEmpty || bearerToken != nil)
    }
  }

  /// What is logged, and in which form.
  package struct Log: Hashable, Sendable {
    package let level: Level
    package let format: Format

    /// The least severe line that is written.
    package enum Level: String, ConfigWord {
      case trace, debug, info, notice, warning, error, critical
    }

    /// The form of a line.
    package enum Format: String, ConfigWord {
      /// Text on a terminal, JSON elsewhere.
      case auto
      case text, json
    }
  }
}

// MARK: - Schemas found later

extension Configuration {
  /// Gives a source the descriptor set that a schema registry has for it, so that it is part of the
  /// fingerprint like any other. The source has none of its own.
  ///
  /// - Parameter name: Which schema it is, for people: the subject and its version.
  package mutating func adopt(_ bytes: [UInt8], ofSource index: Int, name: String) {
    precondition(sources[index].needsSchema, "a source with a schema of its own keeps it")
    sources[index].descriptorSet = Source.DescriptorSet(
      path: name, bytes: bytes, protos: nil, isFromRegistry: true)
  }
}

// MARK: - Faults found later

extension Configuration {
  /// Where the value of a key path (`sources[0].metrics[2].field`) lies; where the file does not
  /// have it, the nearest part of the path that it has.
  package func position(of keyPath: String) -> ConfigPosition {
    places.positions.nearest(to: keyPath).value
  }

  /// A fault of the same form as the loader's, for checks that need more than the file: a field the
  /// message does not have, a property librdkafka does not know. Throw them together as
  /// `ConfigFaults`.
  package func fault(
    at keyPath: String, _ message: String, suggestion: String? = nil
  ) -> ConfigFault {
    let position = position(of: keyPath)
    return ConfigFault(
      path: file, position: position, keyPath: keyPath, message: message, suggestion: suggestion,
      excerpt: Excerpt.text(
        of: position.line, in: places.document, redactions: places.redactions))
  }

  /// `did you mean …?` for a word that none of `candidates` is, or nil where none is near.
  package static func suggestion(for word: String, among candidates: [String]) -> String? {
    Suggestion.nearest(to: word, among: candidates).map { "did you mean `\($0)`?" }
  }
}
