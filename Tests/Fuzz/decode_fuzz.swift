import Base
import Glibc
import Telemetry

@testable import Decode

// A coverage-guided fuzzer (libFuzzer) of decoding: `Tests/Fuzz/run decode` builds it with all of
// Base, Telemetry and Decode instrumented, under the address sanitizer.
//
// The first byte of an input picks a mapping, the rest is a payload. The wire plan and
// libprotobuf-c must make the same of it, but for what docs/DECODING.md lists.

/// One mapping, read in two ways.
final class FuzzTarget {
  private var plan: RecordDecoder
  private var reference: RecordDecoder
  private let schema: ReadingSchema

  init(_ mapping: MessageMapping, _ catalogue: MessageCatalogue) {
    do {
      let compiled = try DecodePlan(mapping, catalogue: catalogue)
      schema = compiled.schema
      let options = RecordDecoder.Options(unpackByteCountMax: 64 << 20)
      plan = RecordDecoder(compiled, options: options)
      reference = RecordDecoder(compiled, options: options, usesReference: true)
    } catch {
      fatalError("the fuzzer's mapping is refused: \(error)")
    }
  }

  func run(_ payload: [UInt8]) {
    let theirs = Self.outline(&reference, payload, schema)
    // What it refuses though it is sound, or needs more memory for.
    if ["wrong_type", "unpack_refused", "too_large"].contains(theirs.first) {
      _ = Self.outline(&plan, payload, schema)
      return
    }
    let ours = Self.outline(&plan, payload, schema)
    precondition(ours == theirs, "the plan reads \(ours), libprotobuf-c \(theirs)")
  }

  /// What came of a payload, as words: the reason if it is dead, else every column.
  private static func outline(
    _ decoder: inout RecordDecoder, _ payload: [UInt8], _ schema: ReadingSchema
  ) -> [String] {
    var batch = ReadingBatch(schema: schema)
    var vocabulary = Vocabulary(attributeCount: schema.attributes.count)
    var faults: [RowFault] = []
    let header = RecordHeader(
      kind: .record, partitionIndex: 0, offset: 0, timestampMicros: 7, hasAppendTime: false)
    let outcome = decoder.decode(
      header: header, key: nil, payload: unsafe payload.span.bytes, into: &batch,
      vocabulary: &vocabulary, faults: &faults)
    if case .dead(let reason, _) = outcome {
      precondition(batch.rowCount == 0 && faults.isEmpty, "a dead record leaves nothing")
      return [reason.rawValue]
    }
    precondition(batch.metricWords.count == batch.rowCount * schema.metrics.count)
    precondition(batch.presenceWords.count == batch.rowCount * schema.presenceWordsPerRow)
    return [
      "\(outcome)", vocabulary.devices.text(of: batch.recordDevices[0]),
      "\(batch.recordAttributes)", "\(batch.recordSequences)", "\(batch.rowEventTimes)",
      "\(batch.rowFlags)", "\(batch.rowIndexes)", "\(batch.rowMetrics)", "\(batch.metricWords)",
      "\(batch.presenceWords)", "\(batch.valueBytes)",
      "\(faults.map { "\($0.rowIndex) \($0.reason.rawValue)" })",
    ]
  }
}

// Unchecked because libFuzzer calls from one thread.
nonisolated(unsafe) private let targets: [FuzzTarget] = {
  guard let path = unsafe getenv("DOWNLINK_FUZZ_SCHEMA"), let file = unsafe fopen(path, "r") else {
    fatalError("DOWNLINK_FUZZ_SCHEMA names no descriptor set: use Tests/Fuzz/run")
  }
  var bytes = [UInt8](repeating: 0, count: 1 << 20)
  let count = unsafe fread(&bytes, 1, bytes.count, file)
  unsafe fclose(file)
  guard
    let catalogue = try? MessageCatalogue(
      descriptorSet: Array(bytes[..<count]), path: "fuzz.binpb")
  else { fatalError("the fuzzer's schema cannot be read") }
  return FuzzMappings.all.map { mapping in
    FuzzTarget(mapping, mapping.messageName.hasPrefix("fuzz") ? catalogue : .builtIn)
  }
}()

/// Called by libFuzzer for every input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let bytes = unsafe bytes, count > 0 else { return 0 }
  let input = unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
  unsafe targets[Int(input[0]) % targets.count].run(Array(input[1...]))
  return 0
}
