import Decode

/// How well a message type explains the records of a sample.
package struct TypeFit: Equatable, Sendable {
  package let name: String
  package internal(set) var recordCount = 0
  /// Records that are sound messages of the type, with at least one field of it where they are not
  /// empty.
  package internal(set) var fittingCount = 0
  /// Why the others are not, with how many.
  package internal(set) var misfits: [String: Int] = [:]
  /// 0 to 1: over all records, the share of bytes in known fields, weighed by how plausible their
  /// values are. What is not of the type counts 0.
  package var score: Double { recordCount == 0 ? 0 : sum / Double(recordCount) }
  /// 0 to 1: fields of the type that were seen at all.
  package internal(set) var coverage = 0.0
  var sum = 0.0

  package var share: Double {
    recordCount == 0 ? 0 : Double(fittingCount) / Double(recordCount)
  }

  /// The commonest reason why records do not fit.
  package var misfit: (reason: String, count: Int)? {
    misfits.min { ($1.value, $0.key) < ($0.value, $1.key) }.map { ($0.key, $0.value) }
  }
}

/// Judges payloads against message types.
struct TypeJudge {
  /// What one payload is to a type.
  struct Verdict {
    /// Why it is none of the type.
    var misfit: String?
    var knownByteCount = 0
    var unknownByteCount = 0
    var valueCount = 0
    var plausibleCount = 0.0
    /// Fields of the outermost message.
    var seen: Set<UInt32> = []

    var score: Double {
      guard misfit == nil else { return 0 }
      let byteCount = knownByteCount + unknownByteCount
      let explained = byteCount == 0 ? 1 : Double(knownByteCount) / Double(byteCount)
      return explained * (valueCount == 0 ? 1 : plausibleCount / Double(valueCount))
    }
  }

  private var tables: [MessageType: [UInt32: MessageField]] = [:]

  /// Judges all types by some of the messages, and the best of those by all of them. The best comes
  /// first; of equals the one of which more was seen, then the one declared first.
  mutating func rank(_ types: [MessageType], by messages: [[UInt8]]) -> [TypeFit] {
    var finalists = types
    if types.count > InferenceBounds.finalistCountMax {
      let step = max(1, messages.count / InferenceBounds.firstLookRecordCount)
      let some = stride(from: 0, to: messages.count, by: step).map { messages[$0] }
        .filter { $0.count <= InferenceBounds.firstLookByteCount }
      let names = rank(every: types, by: some).prefix(InferenceBounds.finalistCountMax).map(\.name)
      finalists = types.filter { names.contains($0.name) }
    }
    return rank(every: finalists, by: messages)
  }

  private mutating func rank(every types: [MessageType], by messages: [[UInt8]]) -> [TypeFit] {
    let fits = types.map { fit($0, messages) }
    return fits.indices.sorted { left, right in
      let difference = fits[left].score - fits[right].score
      if abs(difference) > 1e-9 { return difference > 0 }
      let coverage = fits[left].coverage - fits[right].coverage
      return abs(coverage) > 1e-9 ? coverage > 0 : left < right
    }.map { fits[$0] }
  }

  private mutating func fit(_ type: MessageType, _ messages: [[UInt8]]) -> TypeFit {
    var fit = TypeFit(name: type.name)
    var seen: Set<UInt32> = []
    for message in messages {
      let verdict = judge(message, as: type)
      fit.recordCount += 1
      fit.sum += verdict.score
      if let misfit = verdict.misfit {
        fit.misfits[misfit, default: 0] += 1
      } else {
        fit.fittingCount += 1
        seen.formUnion(verdict.seen)
      }
    }
    fit.coverage = type.fieldCount == 0 ? 0 : Double(seen.count) / Double(type.fieldCount)
    return fit
  }

  /// What one payload is to a type.
  mutating func judge(_ message: [UInt8], as type: MessageType) -> Verdict {
    var verdict = Verdict()
    do {
      try walk(message, 0..<message.count, type, depth: 0, &verdict)
    } catch {
      verdict.misfit = error.rawValue
    }
    if verdict.misfit == nil, verdict.seen.isEmpty, !message.isEmpty {
      verdict.misfit = "no field of it"
    }
    return verdict
  }

  private mutating func walk(
    _ bytes: [UInt8], _ range: Range<Int>, _ type: MessageType, depth: Int,
    _ verdict: inout Verdict
  ) throws(WireFault) {
    guard depth <= WireCursor.depthMax else { throw .tooDeep }
    let table = table(of: type)
    var cursor = WireCursor(bytes, range)
    while let field = try cursor.next() {
      guard let declared = table[field.number] else {
        verdict.unknownByteCount += field.byteCount
        continue
      }
      if depth == 0 { verdict.seen.insert(field.number) }
      let isPacked = declared.isRepeated && declared.type.isPackable && field.wireType == 2
      guard field.wireType == declared.type.wireType || isPacked else {
        if verdict.misfit == nil {
          let path = "\(type.name).\(declared.name) (field \(field.number))"
          verdict.misfit = "\(path) has another wire type"
        }
        verdict.unknownByteCount += field.byteCount
        continue
      }
      verdict.knownByteCount += field.byteCount
      guard declared.type == .message, let nested = declared.messageType else {
        verdict.valueCount += 1
        verdict.plausibleCount +=
          isPacked || declared.type == .group ? 0.8 : plausibility(declared, field, bytes)
        continue
      }
      // Counted by what is inside it.
      verdict.knownByteCount -= field.content.count
      do throws(WireFault) {
        try walk(bytes, field.content, nested, depth: depth + 1, &verdict)
      } catch {
        // What is cut short in here is the work of another type's bytes.
        throw error == .truncated ? .malformed : error
      }
    }
  }

  private mutating func table(of type: MessageType) -> [UInt32: MessageField] {
    if let known = tables[type] { return known }
    let table = Dictionary(
      type.fields.map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
    tables[type] = table
    return table
  }

  /// 0 to 1: whether such a value is one that somebody would send.
  private func plausibility(
    _ declared: MessageField, _ field: WireField, _ bytes: [UInt8]
  ) -> Double {
    switch ScalarValue(declared.type, field) {
    case .floating(let number)?:
      if number == 0 || (1e-9...1e15).contains(abs(number)) { return 1 }
      return number.isFinite ? 0.1 : 0.5
    case .integer(let number)?:
      // Bits of a double make such integers; times in nanoseconds are below.
      let isWide = declared.type == .fixed64 || declared.type == .sfixed64
      if isWide { return number.magnitude < 4_200_000_000_000_000_000 ? 1 : 0.2 }
      let is32 = declared.type == .int32 || declared.type == .uint32
      let isCut = is32 && field.word > UInt64(UInt32.max) && field.word < 0xFFFF_FFFF_8000_0000
      return isCut ? 0.1 : 1
    case .large?: return 0.3
    case .truth?: return field.word <= 1 ? 1 : 0.1
    case .name(let number)?: return declared.enumType?.name(of: number) == nil ? 0.4 : 1
    case .text(let range)?: return Self.isReadable(bytes[range]) ? 1 : 0.1
    case .bytes?: return 0.75
    default: return 1
    }
  }

  /// UTF-8 without control characters.
  static func isReadable(_ text: ArraySlice<UInt8>) -> Bool {
    if text.contains(where: { $0 < 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D || $0 == 0x7F }) {
      return false
    }
    return String(validating: text, as: UTF8.self) != nil
  }
}
