/// What a Schema Registry says about one schema id.
package enum SchemaAnswer: Equatable, Sendable {
  /// A Protobuf schema, and the messages that its file declares.
  case protobuf(SchemaOutline)
  /// A schema of another kind: `AVRO`, `JSON`.
  case otherKind(String)
  /// A Protobuf schema that the registry took and that cannot be read here, with the reason.
  case unreadable(String)
  /// The registry has no such id, and has said so more than once.
  case notFound
}

/// Who knows what schema ids mean: a resolver over HTTP in production, a script in tests.
///
/// Asked by lanes, between records; never blocks. An answer that was given stays the answer, but
/// for `.notFound`, which may turn into another one as time goes by.
package protocol SchemaDirectory: AnyObject, Sendable {
  /// The answer for an id; nil as long as there is none: the directory has then begun to ask.
  func answer(for id: Int32) -> SchemaAnswer?

  /// What the directory has done so far, for the status.
  var account: SchemaAccount { get }
}

/// A directory's account of itself; counts since the start of the process.
package struct SchemaAccount: Equatable, Sendable {
  /// Where it asks, without a password.
  package var place: String
  /// Requests that were answered with a schema, with "not found", and all others.
  package var answeredCount: Int64 = 0
  package var notFoundCount: Int64 = 0
  package var failedCount: Int64 = 0
  /// Ids whose meaning is known.
  package var knownIDCount = 0
  /// Nanoseconds in which at least one id waited for its answer.
  package var waitNanos: Int64 = 0
  /// Why the last request failed; nil where it did not.
  package var trouble: String?

  package init(place: String) { self.place = place }
}
