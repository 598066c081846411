import Base
import CDecodeScanner
import Decode
import Glibc
import Telemetry

// Decoding of three messages on one core, beside its peers, in one run.
//
//     DecodeBenchmark [--records N]
//
// N is the number of wide and of 200-field records (default 20 000); batch records have 1000
// samples each, so there are N / 100 of them. Four ways to read the same bytes:
//
//     scanner    a scanner in C, written by hand for this one message: values to flat arrays
//     plan       the wire plan: the same values to slots, from a mapping
//     decoder    all of `RecordDecoder`: the plan, checks of strings, words, times, columns
//     unpack     libprotobuf-c alone, into an arena: C structs, nothing read from them
//
// `plan` and `scanner` both check tags, lengths and varints and note where texts lie, and neither
// looks into them. The plan also bounds depth, resolves oneofs and walks messages nobody asked for.
// Each is run `roundCount` times in turn; the best run counts. Prints a hash of the decoded columns
// that must not change with the machine, or with N unchanged.

let arguments = CommandLine.arguments
var recordCount = 20_000
if let index = arguments.firstIndex(of: "--records"), index + 1 < arguments.count,
  let count = Int(arguments[index + 1]), count > 0
{
  recordCount = count
}
let roundCount = 7

/// Processor time, so that what else the machine does is not counted: the rates are a core's.
func nanosNow() -> UInt64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

func hash(_ batch: borrowing ReadingBatch) -> UInt64 {
  var writer = ByteWriter()
  writer.append(memoryOf: batch.metricWords)
  writer.append(memoryOf: batch.presenceWords)
  writer.append(memoryOf: batch.rowEventTimes)
  writer.append(memoryOf: batch.rowFlags)
  writer.append(memoryOf: batch.rowMetrics)
  writer.append(memoryOf: batch.recordDevices)
  writer.append(memoryOf: batch.recordAttributes)
  writer.append(memoryOf: batch.recordSequences)
  return XXHash64.hash(writer.bytes)
}

/// What is measured of one kind of message.
struct Reader: ~Copyable {
  let payloads: Payloads
  private var decoder: RecordDecoder
  private var probe: UnpackProbe
  private var batch: ReadingBatch
  private var vocabulary: Vocabulary
  private var faults: [RowFault] = []
  private(set) var rowCount = 0
  private(set) var combinedHash: UInt64 = 0

  init(_ payloads: Payloads) {
    self.payloads = payloads
    decoder = RecordDecoder(payloads.plan)
    probe = UnpackProbe(payloads.plan)
    batch = ReadingBatch(schema: payloads.plan.schema)
    vocabulary = Vocabulary(attributeCount: payloads.plan.schema.attributes.count)
  }

  /// All records, in cuts of at most 20 000 rows.
  mutating func decode() -> UInt64 {
    let payloads = payloads
    (combinedHash, rowCount) = (0, 0)
    var nanos: UInt64 = 0
    var next = 0
    while next < payloads.count {
      let began = nanosNow()
      while next < payloads.count, batch.rowCount < 20_000 {
        let header = RecordHeader(
          kind: .record, partitionIndex: 0, offset: Int64(next),
          timestampMicros: 1_790_000_000_000_000, hasAppendTime: false)
        let payload = unsafe payloads.bytes.span.bytes.extracting(payloads.range(of: next))
        _ = decoder.decode(
          header: header, key: nil, payload: payload, into: &batch, vocabulary: &vocabulary,
          faults: &faults)
        next += 1
      }
      nanos += nanosNow() - began
      rowCount += batch.rowCount
      combinedHash = combinedHash &* 31 &+ hash(batch)
      batch.removeAll()
    }
    return nanos
  }

  mutating func readSlots() -> UInt64 {
    let payloads = payloads
    let began = nanosNow()
    for index in 0..<payloads.count {
      let payload = unsafe payloads.bytes.span.bytes.extracting(payloads.range(of: index))
      precondition(decoder.readSlots(payload), "the benchmark's messages are sound")
    }
    return nanosNow() - began
  }

  mutating func unpack() -> UInt64 {
    let payloads = payloads
    let began = nanosNow()
    for index in 0..<payloads.count {
      let payload = unsafe payloads.bytes.span.bytes.extracting(payloads.range(of: index))
      precondition(probe.unpack(payload), "the benchmark's messages are sound")
    }
    return nanosNow() - began
  }

  /// `read` is a scanner of this message.
  func scan(_ read: (UnsafePointer<UInt8>, Int) -> Int32) -> UInt64 {
    unsafe payloads.bytes.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress else { return 0 }
      let began = nanosNow()
      for index in 0..<payloads.count {
        let range = payloads.range(of: index)
        precondition(
          unsafe read(base + range.lowerBound, range.count) == 0,
          "the benchmark's messages are sound")
      }
      return nanosNow() - began
    }
  }
}

func decimal(_ value: Double, places: Int) -> String {
  let scale = places == 1 ? 10.0 : 100.0
  return "\((value * scale).rounded() / scale)"
}

func measure(
  _ payloads: Payloads, _ scanner: (UnsafePointer<UInt8>, Int) -> Int32
) {
  var reader = Reader(payloads)
  var best = (scanner: UInt64.max, plan: UInt64.max, decoder: UInt64.max, unpack: UInt64.max)
  for _ in 0..<roundCount {
    unsafe best.scanner = min(best.scanner, reader.scan(scanner))
    best.plan = min(best.plan, reader.readSlots())
    best.decoder = min(best.decoder, reader.decode())
    best.unpack = min(best.unpack, reader.unpack())
  }
  let perRecord = { (nanos: UInt64) in
    decimal(Double(nanos) / Double(payloads.count), places: 1)
  }
  let seconds = Double(best.decoder) / 1e9
  print(
    payloads.name, "ns/record scanner", perRecord(best.scanner), "plan", perRecord(best.plan),
    "decoder", perRecord(best.decoder), "unpack", perRecord(best.unpack))
  print(
    "  plan: \(decimal(Double(best.unpack) / Double(best.plan), places: 2)) x unpack,",
    "\(decimal(Double(best.scanner) / Double(best.plan), places: 2)) of the scanner's speed;",
    "decoder: \(decimal(Double(best.unpack) / Double(best.decoder), places: 2)) x unpack")
  print(
    "  decoder: records/s", Int(Double(payloads.count) / seconds), "readings/s",
    Int(Double(reader.rowCount) / seconds), "MB/s",
    Int(Double(payloads.bytes.count) / seconds / 1e6), "hash", RandomID.hex(reader.combinedHash))
}

/// Column arrays of the batch scanner, for `rowCapacity` rows.
func makeBatchColumns(rowCapacity: Int) -> scanner_batch {
  var columns = unsafe scanner_batch()
  unsafe columns.row_capacity = rowCapacity
  unsafe columns.row_present = .allocate(capacity: rowCapacity)
  unsafe columns.times = .allocate(capacity: rowCapacity)
  unsafe columns.names = .allocate(capacity: rowCapacity)
  unsafe columns.values = .allocate(capacity: rowCapacity)
  return unsafe columns
}

var wideColumns = scanner_wide()
var sparseColumns = scanner_sparse()
var batchColumns = unsafe makeBatchColumns(rowCapacity: 1000)
unsafe measure(try Payloads.wide(count: recordCount)) {
  unsafe scanner_read_wide($0, $1, &wideColumns)
}
unsafe measure(try Payloads.batch(count: max(1, recordCount / 100))) {
  unsafe scanner_read_batch($0, $1, &batchColumns)
}
unsafe measure(try Payloads.sparse(count: recordCount)) {
  unsafe scanner_read_sparse($0, $1, &sparseColumns)
}
