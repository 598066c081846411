import Decode
import Telemetry

/// Reads the records of one source, in one lane: opens envelopes, looks up the headers that the
/// source maps, decodes.
final class RecordReader {
  /// What became of a record.
  enum Result {
    case outcome(DecodeOutcome)
    /// Nothing was done: this schema is not known yet. Offer the record again.
    case waiting(schemaID: Int32)
  }

  private let plan: DecodePlan
  private let options: RecordDecoder.Options
  private let schemas: (any SchemaDirectory)?
  /// By other bounds than these, where a replay needs it.
  private var replayReader: RecordReader?
  private var decoder: RecordDecoder
  private var gate: EnvelopeGate
  private let headerNames: [HeaderName]
  private var headers = HeaderValues()

  convenience init(
    _ plan: DecodePlan, limits: RecordLimits, schemas: (any SchemaDirectory)?
  ) {
    self.init(plan, options: RecordDecoder.Options(limits), schemas: schemas)
  }

  init(
    _ plan: DecodePlan, options: RecordDecoder.Options, schemas: (any SchemaDirectory)?
  ) {
    self.plan = plan
    self.options = options
    self.schemas = schemas
    decoder = RecordDecoder(plan, options: options)
    gate = EnvelopeGate(
      envelope: plan.mapping.envelope, messageName: plan.mapping.messageName, directory: schemas)
    headerNames = plan.mapping.headerNames.map { HeaderName($0) }
  }

  /// Decodes one record, as `RecordDecoder.decode` does, from what is inside its envelope.
  ///
  /// - Parameters:
  ///   - believesNotFound: whether a schema that the registry says it does not have makes a dead
  ///     letter; else it is waited for.
  ///   - countsDrift: whether what the schema does not have is reported; a replay's was before.
  ///   - header: appends the value of a header of the record; asked for mapped ones only.
  func read(
    _ header: RecordHeader, key: RawSpan?, payload: RawSpan?, into batch: inout ReadingBatch,
    vocabulary: inout Vocabulary, faults: inout [RowFault], believesNotFound: Bool,
    countsDrift: Bool, lookUp: (HeaderName, inout HeaderValues) -> Void
  ) -> Result {
    var message = payload
    if let payload {
      switch gate.judge(payload, believesNotFound: believesNotFound) {
      case .open(let start): message = payload.extracting(droppingFirst: start)
      case .waiting(let schemaID): return .waiting(schemaID: schemaID)
      case .dead(let reason, let detail):
        return .outcome(decoder.refuse(header, reason, detail: detail, in: &batch))
      }
    }
    if !headerNames.isEmpty {
      headers.removeAll()
      for name in headerNames { lookUp(name, &headers) }
    }
    return .outcome(
      decoder.decode(
        header: header, key: key, payload: message, headers: headers, into: &batch,
        vocabulary: &vocabulary, faults: &faults, countsDrift: countsDrift))
  }

  /// Whether records had something that the schema does not, since the last report.
  var hasDrift: Bool { decoder.hasDrift }

  /// What they had of it since the last report.
  func takeDrift() -> DriftReport { decoder.takeDrift() }

  /// The same reader by these bounds, which is itself where they are its own.
  ///
  /// Cost: a decoder where the bounds are others than those asked for last.
  func replaying(by options: RecordDecoder.Options) -> RecordReader {
    if options == self.options { return self }
    if let replayReader, replayReader.options == options { return replayReader }
    let reader = RecordReader(plan, options: options, schemas: schemas)
    replayReader = reader
    return reader
  }

  /// Takes in a record that was refused in the first pass for a schema that nobody knew.
  func refuseAgain(_ header: RecordHeader, in batch: inout ReadingBatch) -> DecodeOutcome {
    decoder.refuse(
      header, .unknownSchema, detail: "its schema was not known when it was read first",
      in: &batch)
  }

  /// Begins to ask what the envelope of a record to come means, where that is not known.
  func prepare(_ payload: RawSpan?) {
    if let payload { gate.prepare(payload) }
  }
}
