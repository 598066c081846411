import Base
import Glibc
import Kafka
import Testing

@testable import downlinkd

/// Collects what a control answers.
private final class Answers: Sendable {
  let lines = Monitor<[String]>([])

  func add(_ line: String) { lines.update { $0.append(line) } }
}

@Suite struct BrokerControlTests {
  private let cluster: MockCluster
  private let answers = Answers()

  init() throws { cluster = try MockCluster(brokerCount: 2) }

  private func control() -> BrokerControl {
    BrokerControl(cluster, reading: -1) { [answers] in answers.add($0) }
  }

  @Test func `a topic made by order can be produced to`() throws {
    var control = control()
    control.obey("topic made:1")
    let producer = try KafkaProducer(
      KafkaProducer.Options(brokers: cluster.brokers, clientID: "test"))
    defer { producer.close() }
    try producer.produce(topic: "made", partition: 0, value: [1])
    #expect(producer.flush(timeoutMillis: 10_000))
    #expect(answers.lines.update { $0 } == ["ok: topic made:1"])
  }

  @Test func `requests fail as ordered and go through afterwards`() throws {
    var control = control()
    control.obey("topic made:1")
    control.obey("error produce 2 request_timed_out transport")
    var options = KafkaProducer.Options(brokers: cluster.brokers, clientID: "test")
    options.properties = [("retry.backoff.ms", "10"), ("linger.ms", "0")]
    let producer = try KafkaProducer(options)
    defer { producer.close() }
    try producer.produce(topic: "made", partition: 0, value: [1])
    #expect(producer.flush(timeoutMillis: 20_000))
    #expect(producer.failedCount == 0)
  }

  @Test func `what cannot be done is answered, and the next order is obeyed`() {
    var control = control()
    control.obey("topic made:1")
    control.obey("topic made:1")
    control.obey("down 7")
    control.obey("dance")
    control.obey("delay 1 10ms")
    let said = answers.lines.update { $0 }
    #expect(said.count == 5)
    #expect(said[1].hasPrefix("refused: topic made:1: cannot"))
    #expect(said[2].hasPrefix("refused: down 7: cannot"))
    #expect(said[3].hasPrefix("refused: dance: not an order"))
    #expect(said[4] == "ok: delay 1 10ms")
  }

  @Test func `lines come in pieces and the end of them is noticed`() throws {
    let ends = try #require(PipeEnds())
    defer { close(ends.read) }
    var control = BrokerControl(cluster, reading: ends.read) { [answers] in answers.add($0) }
    for piece in ["delay 1 ", "1ms\ndelay 2 1ms\nde", "lay all 0s\n"] {
      let bytes = Array(piece.utf8)
      #expect(unsafe write(ends.write, bytes, bytes.count) == bytes.count)
      control.readLines()
    }
    close(ends.write)
    control.readLines()
    #expect(!control.isOpen)
    #expect(
      answers.lines.update { $0 } == [
        "ok: delay 1 1ms", "ok: delay 2 1ms", "ok: delay all 0s",
      ])
  }

  @Test func `what was asked for a while ends by itself, unless asked for again`() {
    var control = control()
    control.obey("down 1 20ms")
    control.obey("delay 2 1ms 20ms")
    #expect(control.pendingCount == 2)
    control.obey("down 1")
    #expect(control.pendingCount == 1)
    Glibc.usleep(40_000)
    control.endWhatIsDue()
    #expect(control.pendingCount == 0)
  }
}
