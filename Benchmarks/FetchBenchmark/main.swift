// How fast, and at what price, records come out of a lane's queue.
//
//   FetchBenchmark [records] [lanes] [limit messages] [limit bytes] [work ns a record]
//                  [wake 0|1] [answer bytes]
//
// A second process holds a mock cluster filled with records of 130 bytes, so that the processor
// time printed is the consumer's alone: this process's drains, librdkafka's threads with them.
// Work on each record makes the lanes slower than the fetcher, as a real pipeline is; without
// waking the fetchers librdkafka 2.0.2 sleeps up to a second whenever a limit was reached.

import Base
import Glibc
import Kafka
import Telemetry

private let topic = "bench"
private let valueByteCount = 130

/// The mock keeps 5 MiB a partition: this many records of ours fit.
private let recordsPerPartitionMax = 30_000

if CommandLine.arguments.dropFirst().first == "serve" {
  try serve(recordCount: argument(2, 0), partitionCount: argument(3, 1))
} else {
  try measure()
}

/// The integer at a place of the command line.
func argument(_ index: Int, _ fallback: Int) -> Int {
  CommandLine.arguments.count > index ? Int(CommandLine.arguments[index]) ?? fallback : fallback
}

// MARK: - The cluster's process

/// Fills a cluster, says where it is, and serves until the other end of standard input closes.
func serve(recordCount: Int, partitionCount: Int) throws {
  let cluster = try MockCluster(brokerCount: 1)
  try cluster.createTopic(topic, partitionCount: partitionCount)
  var options = KafkaProducer.Options(brokers: cluster.brokers, clientID: "fill")
  options.properties = [
    ("linger.ms", "50"), ("batch.size", "200000"), ("queue.buffering.max.messages", "200000"),
    ("enable.idempotence", "false"),
  ]
  let producer = try KafkaProducer(options)
  var value = [UInt8](repeating: 0x55, count: valueByteCount)
  let perPartition = recordCount / partitionCount
  for partition in 0..<Int32(partitionCount) {
    for number in 0..<perPartition {
      value[0] = UInt8(truncatingIfNeeded: number)
      value[1] = UInt8(truncatingIfNeeded: number >> 8)
      try producer.produce(
        topic: topic, partition: partition, key: Array("sat-0001".utf8), value: value)
    }
  }
  precondition(producer.flush(timeoutMillis: 60_000) && producer.failedCount == 0, "cannot fill")
  producer.close()
  print(cluster.brokers)
  fflush(nil)
  _ = readLine()
}

// MARK: - The measurement

/// Starts every partition at its beginning, spread over the lanes.
final class FromTheBeginning: RebalanceDelegate {
  let laneCount: Int

  init(laneCount: Int) { self.laneCount = laneCount }

  func assigned(_ partitions: [TopicPartition]) -> [StartPosition]? {
    partitions.map {
      StartPosition(partition: $0, offset: 0, lane: Int($0.partition) % laneCount)
    }
  }

  func revoked(_ partitions: [TopicPartition]) {}
  func lost(_ partitions: [TopicPartition]) {}
}

func measure() throws {
  let recordCount = argument(1, 20_000)
  let laneCount = argument(2, 1)
  let partitionCount = max(
    laneCount, (recordCount + recordsPerPartitionMax - 1) / recordsPerPartitionMax)
  let expectedCount = recordCount / partitionCount * partitionCount
  let server = Server(recordCount: recordCount, partitionCount: partitionCount)
  var options = KafkaConsumer.Options(brokers: server.brokers, group: "bench", clientID: "bench")
  options.laneCount = laneCount
  options.queueMessageCountMax = argument(3, options.queueMessageCountMax)
  options.queueByteCountMax = argument(4, options.queueByteCountMax)
  let workNanos = Int64(argument(5, 0))
  options.wakesFetchers = argument(6, 1) == 1
  let answerByteCountMax = argument(7, 0)
  if answerByteCountMax > 0 {
    options.properties.append(("fetch.max.bytes", "\(answerByteCountMax)"))
  }
  let consumer = try KafkaConsumer(options, rebalance: FromTheBeginning(laneCount: laneCount))
  try consumer.subscribe([topic])

  let total = Monitor(Totals())
  let lanes = (0..<laneCount).map { index in
    let lane = consumer.lane(index)
    return WorkerThread(name: "lane-\(index)") {
      drain(lane, workNanos: workNanos, into: total, until: expectedCount)
    }
  }
  while total.update({ $0.recordCount }) < expectedCount { _ = consumer.poll(timeoutMillis: 10) }
  for lane in lanes { lane.join() }
  let totals = total.update { $0 }
  consumer.close()
  report(totals, options, partitionCount: partitionCount)
}

/// What the lanes found.
struct Totals {
  var recordCount = 0
  var byteCount = 0
  /// Sum over all records of a hash of offset and bytes: independent of their order.
  var hash: UInt64 = 0
  var firstNanos: Int64?
  var processorMicrosAtFirst: Int64 = 0
  var lastNanos: Int64 = 0
  var processorMicrosAtLast: Int64 = 0
}

/// A lane's thread: drains, looks at every record, and works `workNanos` on each.
func drain(_ lane: LaneQueue, workNanos: Int64, into total: Monitor<Totals>, until count: Int) {
  var batch = RecordBatch()
  while total.update({ $0.recordCount }) < count {
    lane.drain(into: &batch, countMax: 4096, timeoutMillis: 20)
    if batch.count == 0 { continue }
    let started = MonotonicClock.nowNanos()
    var found = Totals()
    for index in 0..<batch.count where batch.headers[index].kind == .record {
      guard let payload = batch.payload(at: index) else { continue }
      let header = batch.headers[index]
      found.recordCount += 1
      found.byteCount += payload.byteCount
      found.hash &+= XXHash64.hash(payload) &* UInt64(bitPattern: header.offset &* 2 &+ 1)
    }
    // Busy, as decoding would be: sleeping would leave the processor to the fetcher.
    while MonotonicClock.nowNanos() < started + workNanos * Int64(batch.count) {}
    total.update {
      if $0.firstNanos == nil {
        $0.firstNanos = started
        $0.processorMicrosAtFirst = processorMicros()
      }
      $0.recordCount += found.recordCount
      $0.byteCount += found.byteCount
      $0.hash &+= found.hash
      $0.lastNanos = MonotonicClock.nowNanos()
      $0.processorMicrosAtLast = processorMicros()
    }
  }
}

func report(_ totals: Totals, _ options: KafkaConsumer.Options, partitionCount: Int) {
  let wallMillis = (totals.lastNanos - (totals.firstNanos ?? 0)) / 1_000_000
  let processorMillis = (totals.processorMicrosAtLast - totals.processorMicrosAtFirst) / 1000
  print(
    "records \(totals.recordCount) bytes \(totals.byteCount) partitions \(partitionCount)",
    "lanes \(options.laneCount) limit \(options.queueMessageCountMax) messages",
    "\(options.queueByteCountMax / 1024) KiB wake \(options.wakesFetchers)")
  print("wall_ms \(wallMillis) cpu_ms \(processorMillis) peak_rss_kib \(peakResidentKiB())")
  print("hash \(RandomID.hex(totals.hash))")
}

/// User and system time of this process.
func processorMicros() -> Int64 {
  var usage = rusage()
  unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  return Int64(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1_000_000
    + Int64(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
}

func peakResidentKiB() -> Int {
  var usage = rusage()
  unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  return usage.ru_maxrss
}

/// The second process: lives as long as this object holds its standard input open.
final class Server {
  let brokers: String
  private let input: Int32

  init(recordCount: Int, partitionCount: Int) {
    var toChild: [Int32] = [0, 0]
    var fromChild: [Int32] = [0, 0]
    precondition(unsafe pipe(&toChild) == 0, "cannot make a pipe")
    precondition(unsafe pipe(&fromChild) == 0, "cannot make a pipe")
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    unsafe posix_spawn_file_actions_adddup2(&actions, toChild[0], 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, fromChild[1], 1)
    // Our ends stay ours, or the child would hold its own input open.
    unsafe posix_spawn_file_actions_addclose(&actions, toChild[1])
    unsafe posix_spawn_file_actions_addclose(&actions, fromChild[0])
    let words = ["FetchBenchmark", "serve", "\(recordCount)", "\(partitionCount)"]
    let arguments = unsafe words.map { unsafe strdup($0) } + [nil]
    var child: pid_t = 0
    let code = unsafe posix_spawn(&child, "/proc/self/exe", &actions, nil, arguments, environ)
    precondition(code == 0, "cannot start the cluster's process")
    for unsafe argument in unsafe arguments { unsafe free(argument) }
    unsafe posix_spawn_file_actions_destroy(&actions)
    close(toChild[0])
    close(fromChild[1])
    input = toChild[1]
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while unsafe read(fromChild[0], &byte, 1) == 1, byte != UInt8(ascii: "\n") {
      line.append(byte)
    }
    close(fromChild[0])
    brokers = String(decoding: line, as: UTF8.self)
    precondition(!brokers.isEmpty, "the cluster's process did not start")
  }

  deinit { close(input) }
}
