import Base
import Glibc

/// A file that says what Kafka holds after a run: one JSON object a record, for verifiers.
///
///     {"topic":"telemetry","partition":0,"offset":17,"timestamp_ms":1700000000000,
///      "device":"sat-00001","sequence":5,"attributes":{"region":"eu"},
///      "rows":[[1700000000000000,{"battery_voltage_v":28.1}]]}
///
/// A bad record has `"dead":true` and its `"payload_base64"` instead of device and rows.
///
/// The producer keeps order and neither drops nor doubles (idempotence), and this program chooses
/// each record's partition. So if every partition grew by exactly what we sent, the offsets are
/// those counted from its end before the first record: `close` checks that. The lines are written
/// to `FILE.unproven`, which takes its name only when all is proven true.
///
/// **Limits:** one producer on the topic meanwhile, no transactions, and a topic that keeps the
/// producers' timestamps (the default, CreateTime).
struct RecordLog: ~Copyable {
  private static let bufferByteCount = 1 << 20

  private let path: String
  private let descriptor: Int32
  private let topicJSON: [UInt8]
  /// Before the first record.
  private let firstOffsets: [Int64]
  private var sentCounts: [Int64]
  private var buffer: [UInt8] = []

  init(
    path: String, topic: String, firstOffsets: [Int64]
  ) throws(ProduceError) {
    let file = unsafe open(
      path + Self.unprovenSuffix, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard file >= 0 else {
      throw .recordLog("cannot create \(path)\(Self.unprovenSuffix): \(SystemFault.last)")
    }
    // What an earlier run left under the final name must not be taken for this run's.
    unsafe unlink(path)
    var json: [UInt8] = []
    JSONValue.write(string: topic, into: &json)
    self.path = path
    self.firstOffsets = firstOffsets
    sentCounts = Array(repeating: 0, count: firstOffsets.count)
    topicJSON = json
    descriptor = file
    buffer.reserveCapacity(Self.bufferByteCount + (64 << 10))
  }

  deinit { _ = Glibc.close(descriptor) }

  private static let unprovenSuffix = ".unproven"

  var partitionCount: Int { firstOffsets.count }

  /// Notes a record that the producer has taken; `members` says what it holds.
  mutating func append(
    partition: Int32, timestampMillis: Int64, members: (inout [UInt8]) -> Void
  ) throws(ProduceError) {
    let index = Int(partition)
    buffer.append(contentsOf: #"{"topic":"#.utf8)
    buffer.append(contentsOf: topicJSON)
    buffer.append(contentsOf: ",\"partition\":\(partition)".utf8)
    buffer.append(contentsOf: ",\"offset\":\(firstOffsets[index] + sentCounts[index])".utf8)
    buffer.append(contentsOf: ",\"timestamp_ms\":\(timestampMillis),".utf8)
    members(&buffer)
    buffer.append(contentsOf: "}\n".utf8)
    sentCounts[index] += 1
    if buffer.count >= Self.bufferByteCount { try writeOut() }
  }

  /// Proves the log against the partitions' ends after the last record and gives it its name.
  mutating func close(endOffsets: [Int64], failedCount: Int) throws(ProduceError) {
    try writeOut()
    let unproven = path + Self.unprovenSuffix
    guard failedCount == 0 else {
      throw .recordLog("\(failedCount) records failed, so offsets are unknown; see \(unproven)")
    }
    for index in firstOffsets.indices {
      let grown = endOffsets[index] - firstOffsets[index]
      guard grown == sentCounts[index] else {
        throw .recordLog(
          "partition \(index) grew by \(grown) records, we sent \(sentCounts[index]): another "
            + "producer, or a broker that repeated some; \(unproven) cannot be trusted")
      }
    }
    guard unsafe rename(unproven, path) == 0 else {
      throw .recordLog("cannot rename \(unproven) to \(path): \(SystemFault.last)")
    }
  }

  private mutating func writeOut() throws(ProduceError) {
    var position = 0
    while position < buffer.count {
      let rest = buffer.count - position
      let start = position
      let fileDescriptor = descriptor
      let written = unsafe buffer.withUnsafeBytes { bytes in
        unsafe write(fileDescriptor, bytes.baseAddress! + start, rest)
      }
      if written < 0, errno == EINTR { continue }
      guard written >= 0 else {
        throw .recordLog("cannot write \(path)\(Self.unprovenSuffix): \(SystemFault.last)")
      }
      position += written
    }
    buffer.removeAll(keepingCapacity: true)
  }
}
