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

  private var decoder: RecordDecoder
  private var gate: EnvelopeGate
  private let headerNames: [HeaderName]
  private var headers = HeaderValues()

  init(_ plan: DecodePlan, limits: RecordLimits, schemas: (any SchemaDirectory)?) {
    decoder = RecordDecoder(plan, options: RecordDecoder.Options(limits))
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

  /// Begins to ask what the envelope of a record to come means, where that is not known.
  func prepare(_ payload: RawSpan?) {
    if let payload { gate.prepare(payload) }
  }
}
