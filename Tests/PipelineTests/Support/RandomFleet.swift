import Base
import Telemetry

/// A random fleet over two topics: in order and late, silent and moved, dead and undelivered.
struct RandomFleet {
  private var random: SplitMix64

  init(seed: UInt64) { random = SplitMix64(seed: seed) }

  mutating func topics(recordCount: Int) -> RecordedTopics {
    var partitions: [TopicPartition: [TestRecord]] = [:]
    for partition in Int32(0)..<3 {
      partitions[TopicPartition(topic: "telemetry", partition: partition)] = (0..<recordCount).map {
        snapshot(Double($0) / 3, partition)
      }
    }
    partitions[TopicPartition(topic: "samples", partition: 0)] = (0..<recordCount).map {
      samples(Double($0) / 2)
    }
    return RecordedTopics(partitions: partitions)
  }

  private mutating func chance(_ percent: Int) -> Bool {
    Int.random(in: 0..<100, using: &random) < percent
  }

  private mutating func snapshot(_ second: Double, _ partition: Int32) -> TestRecord {
    if chance(4) { return .undelivered }
    if chance(3) { return .bytes(chance(50) ? [0xFF] : nil, second: second) }
    // "sat-0" turns up in every partition; the others have one.
    let device = "sat-\(chance(10) ? 0 : Int32.random(in: 1..<4, using: &random) * 3 + partition)"
    // A stretch in which only one device is heard makes the others idle.
    let isQuiet = second > 40 && second < 130
    var eventSecond = second
    if chance(15) { eventSecond -= Double.random(in: 0..<45, using: &random) }
    if chance(1) { eventSecond += 100_000 }
    let metrics: [Double?] = (0..<4).map { _ in
      chance(10) ? nil : chance(2) ? .nan : Double.random(in: -5..<5, using: &random)
    }
    return .wide(
      isQuiet ? "sat-\(3 + partition)" : device, second: eventSecond,
      sequence: UInt64(second * 3), region: chance(50) ? "eu" : chance(50) ? "us" : nil,
      firmware: chance(80) ? nil : "f\(partition)", metrics: metrics, kafkaSecond: second)
  }

  private mutating func samples(_ second: Double) -> TestRecord {
    if chance(3) { return .undelivered }
    let count = Int.random(in: 0..<5, using: &random)
    var samples: [(second: Double, metric: String?, value: Double?)] = []
    for index in 0..<count {
      let sampleSecond = second + Double(index) / 10 - (chance(10) ? 15 : 0)
      let metric = chance(5) ? nil : ["a", "b"][index % 2]
      let value = chance(10) ? nil : Double.random(in: 0..<9, using: &random)
      samples.append((sampleSecond, metric, value))
    }
    return .narrow("inv-\(Int.random(in: 0..<3, using: &random))", samples)
  }
}
