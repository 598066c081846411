import Base

/// Opens the envelopes of one source's records: one gate a lane and source.
///
///     value ── header? ──▶ id known? ──▶ message type the source's? ──▶ where the message begins
///                │             │                    │
///            bad_envelope    waiting            other_type
///
/// Without a directory nothing is looked up: only the header's form is checked.
///
/// Cost: one comparison of a word while the records have headers that were let through before,
/// which is always but for the first of a schema; headers of over eight bytes are looked up anew.
package struct EnvelopeGate: Sendable {
  /// What becomes of a value.
  package enum Verdict: Equatable, Sendable {
    /// The message begins at this byte.
    case open(messageStart: Int)
    case dead(DeadReason, detail: String)
    /// Nothing is known about the schema yet: offer the record again later.
    case waiting(schemaID: Int32)
  }

  /// The first bytes of a value, of which `mask` is the header.
  private struct AcceptedHeader {
    var word: UInt64
    var mask: UInt64
    var byteCount: Int
  }

  private let envelope: Envelope
  private let messageName: String
  private let directory: (any SchemaDirectory)?
  private var accepted: [AcceptedHeader] = []
  /// Which of `accepted` gives way next.
  private var oldest = 0

  /// More versions of a schema than a topic has at a time.
  private static let acceptedCountMax = 16

  /// - Parameter messageName: The full name of the source's message type.
  package init(envelope: Envelope, messageName: String, directory: (any SchemaDirectory)?) {
    self.envelope = envelope
    self.messageName = messageName
    self.directory = directory
  }

  /// Judges a record's value.
  ///
  /// - Parameter believesNotFound: Whether "there is no such schema" is an answer; else the record
  ///   waits for another one.
  package mutating func judge(_ value: RawSpan, believesNotFound: Bool = true) -> Verdict {
    if envelope == .none { return .open(messageStart: 0) }
    if value.byteCount >= 8 {
      let word = unsafe value.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self)
      for header in accepted where word & header.mask == header.word {
        return .open(messageStart: header.byteCount)
      }
    }
    return judgeUnknown(value, believesNotFound)
  }

  /// Begins to ask for what `value` names, where that is not known: so that ids of records further
  /// on are asked for together.
  package func prepare(_ value: RawSpan) {
    guard envelope != .none, let directory, let header = try? ConfluentHeader(reading: value)
    else { return }
    _ = directory.answer(for: header.schemaID)
  }

  private mutating func judgeUnknown(_ value: RawSpan, _ believesNotFound: Bool) -> Verdict {
    let header: ConfluentHeader
    do {
      header = try ConfluentHeader(reading: value)
    } catch {
      return .dead(error.reason, detail: error.detail)
    }
    if let directory {
      let answer = directory.answer(for: header.schemaID)
      guard let answer, answer != .notFound || believesNotFound else {
        return .waiting(schemaID: header.schemaID)
      }
      if let refusal = refusal(of: header, answer) { return refusal }
    }
    accept(header, of: value)
    return .open(messageStart: header.byteCount)
  }

  private func refusal(of header: ConfluentHeader, _ answer: SchemaAnswer) -> Verdict? {
    let schema = "schema \(header.schemaID)"
    switch answer {
    case .notFound:
      return .dead(.unknownSchema, detail: "the registry has no \(schema)")
    case .unreadable(let problem):
      return .dead(.unknownSchema, detail: "\(schema) cannot be read: \(PlainText.shown(problem))")
    case .otherKind(let kind):
      let kind = PlainText.shown(kind)
      return .dead(.otherType, detail: "\(schema) is of the kind \(kind), not PROTOBUF")
    case .protobuf(let outline):
      let names = outline.names(at: header.messageIndexes)
      if names.contains(messageName) { return nil }
      let path = header.messageIndexes.map(String.init).joined(separator: ", ")
      return .dead(
        .otherType,
        detail: names.first.map {
          "the message is a \(PlainText.shown($0)) (\(schema)), not a \(messageName)"
        }
          ?? "\(schema) has no message at \(path)")
    }
  }

  private mutating func accept(_ header: ConfluentHeader, of value: RawSpan) {
    guard header.byteCount <= 8, value.byteCount >= 8 else { return }
    // The bytes at the lowest addresses are the lowest of the word.
    let mask = header.byteCount == 8 ? UInt64.max : (1 << UInt64(8 * header.byteCount)) - 1
    let word = unsafe value.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self)
    let entry = AcceptedHeader(
      word: word & mask.littleEndian, mask: mask.littleEndian, byteCount: header.byteCount)
    if accepted.count < Self.acceptedCountMax {
      accepted.append(entry)
    } else {
      accepted[oldest] = entry
      oldest = (oldest + 1) % Self.acceptedCountMax
    }
  }
}
