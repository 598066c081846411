import Base
import Decode
import Glibc
import Telemetry

// Decoding of the two built-in messages on one core: scan, unpack, append to columns.
//
//     DecodeBenchmark [--records N]
//
// N is the number of wide records (default 20 000); batch records have 1000 samples each, so there
// are N / 100 of them. Prints rates, and a hash of the decoded columns that must not change with
// the machine or with N unchanged.

let arguments = CommandLine.arguments
var recordCount = 20_000
if let index = arguments.firstIndex(of: "--records"), index + 1 < arguments.count,
  let count = Int(arguments[index + 1]), count > 0
{
  recordCount = count
}

struct Payloads {
  var bytes: [UInt8] = []
  var ends: [Int] = []
}

/// A value that has as many digits as a sensor gives.
func value(_ record: Int, _ metric: Int) -> Double {
  Double((record * 31 + metric * 17) % 10_000) / 100
}

func widePayloads(count: Int) -> Payloads {
  var payloads = Payloads()
  for record in 0..<count {
    var writer = ByteWriter()
    let message = DeviceTelemetryMessage(
      deviceID: "sat-\(10_000 + record * 7 % 5000)",
      timeUnixMillis: 1_790_000_000_000 + UInt64(record), region: "eu-north-\(record % 4)",
      firmware: "2.\(record % 9).1", sequence: UInt64(record),
      metrics: (0..<10).map { value(record, $0) })
    TelemetryEncoder.append(message, to: &writer)
    payloads.bytes += writer.bytes
    payloads.ends.append(payloads.bytes.count)
  }
  return payloads
}

func batchPayloads(count: Int) -> Payloads {
  var payloads = Payloads()
  for record in 0..<count {
    var writer = ByteWriter()
    let samples = (0..<1000).map { index in
      TelemetryBatchMessage.Sample(
        timeUnixMicros: 1_790_000_000_000_000 + UInt64(record * 1000 + index),
        metric: DeviceTelemetryMessage.metricNames[index % 10], value: value(record, index))
    }
    let message = TelemetryBatchMessage(
      deviceID: "inv-\(100 + record % 400)", region: "eu", firmware: "1.0", model: "m2",
      sequence: UInt64(record), samples: samples)
    TelemetryEncoder.append(message, to: &writer)
    payloads.bytes += writer.bytes
    payloads.ends.append(payloads.bytes.count)
  }
  return payloads
}

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

/// Decodes all payloads, in cuts of at most 20 000 rows, three times; prints the best.
func measure(_ name: String, _ mapping: MessageMapping, _ payloads: Payloads) throws {
  let plan = try DecodePlan(mapping)
  var decoder = RecordDecoder(plan)
  var batch = ReadingBatch(schema: plan.schema)
  var vocabulary = Vocabulary(attributeCount: plan.schema.attributes.count)
  var faults: [RowFault] = []
  var bestNanos = UInt64.max
  var combined: UInt64 = 0
  var rowCount = 0
  for _ in 0..<3 {
    (combined, rowCount) = (0, 0)
    var nanos: UInt64 = 0
    var next = 0
    while next < payloads.ends.count {
      let began = nanosNow()
      while next < payloads.ends.count, batch.rowCount < 20_000 {
        let start = next == 0 ? 0 : payloads.ends[next - 1]
        let header = RecordHeader(
          kind: .record, partitionIndex: 0, offset: Int64(next),
          timestampMicros: 1_790_000_000_000_000, hasAppendTime: false)
        let payload = unsafe payloads.bytes.span.bytes.extracting(start..<payloads.ends[next])
        _ = decoder.decode(
          header: header, key: nil, payload: payload, into: &batch, vocabulary: &vocabulary,
          faults: &faults)
        next += 1
      }
      nanos += nanosNow() - began
      rowCount += batch.rowCount
      combined = combined &* 31 &+ hash(batch)
      batch.removeAll()
    }
    bestNanos = min(bestNanos, nanos)
  }
  let seconds = Double(bestNanos) / 1e9
  print(
    name, "records/s", Int(Double(payloads.ends.count) / seconds), "readings/s",
    Int(Double(rowCount) / seconds), "MB/s", Int(Double(payloads.bytes.count) / seconds / 1e6),
    "ns/record", Int(bestNanos) / payloads.ends.count, "hash", RandomID.hex(combined))
}

let wide = MessageMapping(
  source: "snapshots", messageName: "fleet.telemetry.v1.DeviceTelemetry",
  device: .field("device_id"), time: .init(field: "time_unix_ms", unit: .milliseconds),
  sequence: "sequence", attributes: [.init(field: "region"), .init(field: "firmware")],
  plausibleFromMicros: 946_684_800_000_000)
let narrow = MessageMapping(
  source: "samples", messageName: "fleet.telemetry.v1.TelemetryBatch", rows: "samples",
  device: .field("device_id"), time: .init(field: "samples.time_unix_us", unit: .microseconds),
  sequence: "sequence",
  attributes: [.init(field: "region"), .init(field: "firmware"), .init(field: "model")],
  narrowMetric: .init(nameField: "samples.metric", valueField: "samples.value"),
  plausibleFromMicros: 946_684_800_000_000)

try measure("DeviceTelemetry", wide, widePayloads(count: recordCount))
try measure("TelemetryBatch", narrow, batchPayloads(count: max(1, recordCount / 100)))
