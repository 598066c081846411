package import Decode

/// A mapping for the records of a topic, with the reasons for each of its parts.
package struct SchemaProposal: Sendable {
  /// A part of the mapping and why it is what it is, in sentences.
  package struct Choice: Equatable, Sendable {
    /// A field path, `$key`, `$timestamp` or `$header.NAME`.
    package var field: String
    package var reasons: [String]
  }

  /// A column that is proposed, or one that could be had.
  package struct Column: Equatable, Sendable {
    package var field: String
    /// Of a map.
    package var key: String?
    /// The column.
    package var name: String
    package var isProposed: Bool
    /// What was seen of it, and why it is left out if it is.
    package var remark: String
  }

  /// A mapping that compiles: it has been tried on the records.
  package let mapping: MessageMapping
  package let sample: SampleSummary
  /// The message type first, then those that come next.
  package let fits: [TypeFit]
  /// Whether the message type was given and not found.
  package let isTypeGiven: Bool
  package let device: Choice
  package let time: Choice
  /// Which repeated field has the readings, and for a narrow source which fields name and hold
  /// a row's metric; no reasons where the message is the reading.
  package let rows: [String]
  /// A number that grows with a device's messages.
  package let sequence: Choice?
  /// Whether the sequence rises by one, so that duplicates can be told by it.
  package let tellsDuplicates: Bool
  package let attributes: [Column]
  /// Empty for a narrow source.
  package let metrics: [Column]
  /// What else a person should know.
  package let notes: [String]
  package let trial: TrialRun
}

/// What the records of a sample are, whatever they hold.
package struct SampleSummary: Equatable, Sendable {
  package internal(set) var recordCount = 0
  package internal(set) var tombstoneCount = 0
  package internal(set) var partitionCount = 0
  /// Microseconds; nil where no record has a time.
  package internal(set) var earliestMicros: Int64?
  package internal(set) var latestMicros: Int64?
  /// Records whose envelope could not be opened, by reason.
  package internal(set) var unopened: [String: Int] = [:]

  init(_ records: [SampleRecord]) {
    recordCount = records.count
    partitionCount = Set(records.map(\.partition)).count
    tombstoneCount = records.count { $0.value == nil }
    earliestMicros = records.compactMap(\.timestampMicros).min()
    latestMicros = records.compactMap(\.timestampMicros).max()
  }
}

/// Why there is no proposal.
package struct NoProposal: Sendable {
  /// In sentences, the first the most important.
  package var reasons: [String]
  package let sample: SampleSummary
  /// How the message types fit, the best first; empty where none was tried.
  package var fits: [TypeFit] = []
  /// What the messages look like without a type.
  package var outline: WireOutline?
}

/// What inference comes to.
package enum InferenceOutcome: Sendable {
  case proposal(SchemaProposal)
  case none(NoProposal)
}
