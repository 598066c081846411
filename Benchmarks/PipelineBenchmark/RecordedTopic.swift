import Base
import Decode
import Telemetry

/// A topic held in memory: every partition's records, encoded, back to back.
///
/// The reference job of docs/PERFORMANCE.md: `deviceCount` devices at 1 Hz, ten metrics, values as
/// sensors give them (rounded random walks). Deterministic in `seed`.
final class RecordedTopic: Sendable {
  struct Partition: Sendable {
    var payloads: [UInt8] = []
    var payloadStarts: [Int] = [0]
    var keys: [UInt8] = []
    var keyStarts: [Int] = [0]
    var timestampsMicros: [Int64] = []

    var recordCount: Int { timestampsMicros.count }
  }

  let name: String
  let partitions: [Partition]
  var recordCount: Int { partitions.reduce(0) { $0 + $1.recordCount } }
  var payloadByteCount: Int { partitions.reduce(0) { $0 + $1.payloads.count } }

  init(name: String, deviceCount: Int, seconds: Int, partitionCount: Int, seed: UInt64) {
    self.name = name
    var fleet = (0..<deviceCount).map { Device(index: $0, seed: seed) }
    var partitions = Array(repeating: Partition(), count: partitionCount)
    let startMillis: UInt64 = 1_790_000_000_000
    for second in 0..<seconds {
      for index in fleet.indices {
        let millis = startMillis + UInt64(second * 1000) + UInt64(fleet[index].phaseMillis)
        var writer = ByteWriter(reserving: 160)
        TelemetryEncoder.append(fleet[index].message(millis: millis), to: &writer)
        partitions[index % partitionCount].append(
          payload: writer.bytes, key: fleet[index].id, timestampMicros: Int64(millis) * 1000)
      }
    }
    self.partitions = partitions
  }
}

extension RecordedTopic.Partition {
  fileprivate mutating func append(payload: [UInt8], key: String, timestampMicros: Int64) {
    payloads += payload
    payloadStarts.append(payloads.count)
    keys += key.utf8
    keyStarts.append(keys.count)
    timestampsMicros.append(timestampMicros)
  }
}

/// One device of the synthetic fleet.
private struct Device {
  let id: String
  let phaseMillis: Int
  private let region: String
  private let firmware: String
  private var sequence: UInt64 = 0
  private var values: [Double]
  private var random: UInt64

  init(index: Int, seed: UInt64) {
    let digits = String(index)
    id = "sat-" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    random = (seed &+ UInt64(index) &* 0x9E37_79B9_7F4A_7C15) | 1
    phaseMillis = index * 7919 % 1000
    region = ["eu-north", "eu-south", "us-east", "ap-west"][index % 4]
    firmware = "2.\(index % 5).1"
    values = [28, 1.5, 21, 80, 1200, 600, 45, 12, 3000, 45]
  }

  private mutating func next() -> UInt64 {
    random ^= random << 13
    random ^= random >> 7
    random ^= random << 17
    return random
  }

  mutating func message(millis: UInt64) -> DeviceTelemetryMessage {
    sequence += 1
    for metric in values.indices {
      let step = Double(Int64(next() % 2001) - 1000) / 1000
      values[metric] += step * (0.002 * max(values[metric].magnitude, 1))
    }
    return DeviceTelemetryMessage(
      deviceID: id, timeUnixMillis: millis, region: region, firmware: firmware,
      sequence: sequence, metrics: values.map { ($0 * 1000).rounded() / 1000 })
  }
}
