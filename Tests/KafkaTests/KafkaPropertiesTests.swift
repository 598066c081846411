import Kafka
import Testing

struct KafkaPropertiesTests {
  @Test func `ordinary properties are accepted`() {
    let faults = KafkaProperties.faults(
      in: [
        ("security.protocol", "SASL_SSL"), ("sasl.mechanisms", "SCRAM-SHA-512"),
        ("sasl.username", "u"), ("sasl.password", "p"), ("session.timeout.ms", "10000"),
        ("message.max.bytes", "20000000"), ("group.instance.id", "a"),
      ], role: .consumer)
    #expect(faults.isEmpty)
  }

  @Test(arguments: [
    "enable.auto.commit", "enable.auto.offset.store", "auto.offset.reset", "isolation.level",
    "partition.assignment.strategy", "enable.partition.eof", "group.id", "bootstrap.servers",
    "metadata.broker.list", "auto.commit.enable", "plugin.library.paths", "test.mock.num.brokers",
    "queued.min.messages",
  ])
  func `a property the program owns is refused with a reason`(_ name: String) throws {
    let faults = KafkaProperties.faults(in: [(name, "true")], role: .consumer)
    #expect(faults.count == 1)
    let fault = try #require(faults.first)
    #expect(fault.name == name)
    #expect(fault.reason.contains("not yours to set"))
  }

  @Test func `every fault is told at once, in order`() {
    let faults = KafkaProperties.faults(
      in: [
        ("no.such.property", "1"), ("fetch.wait.max.ms", "soon"), ("client.rack", "r1"),
        ("group.id", "x"), ("client.rack", "r2"),
      ], role: .consumer)
    #expect(
      faults.map(\.name) == ["no.such.property", "fetch.wait.max.ms", "group.id", "client.rack"])
  }

  @Test func `properties that contradict each other are found without a broker`() {
    let faults = KafkaProperties.faults(
      in: [("session.timeout.ms", "40000"), ("max.poll.interval.ms", "10000")], role: .consumer)
    #expect(faults.count == 1)
    #expect(faults.first?.name == nil)
    #expect(faults.first?.reason.contains("max.poll.interval.ms") == true)
  }

  @Test func `a certificate file that is not there is found`() {
    let faults = KafkaProperties.faults(
      in: [("security.protocol", "ssl"), ("ssl.ca.location", "/nonexistent/ca.pem")],
      role: .consumer)
    #expect(faults.count == 1)
  }

  @Test func `a producer's properties are checked as such`() {
    #expect(KafkaProperties.faults(in: [("compression.type", "zstd")], role: .producer).isEmpty)
    #expect(
      KafkaProperties.faults(in: [("transactional.id", "t")], role: .producer).map(\.name)
        == ["transactional.id"])
  }

  @Test func `a secret never appears in a fault`() {
    for name in ["sasl.password", "ssl.key.password", "ssl.key.pem"] {
      #expect(KafkaProperties.isSecret(name))
    }
    let faults = KafkaProperties.faults(in: [("ssl.key.pem", "hunter2")], role: .consumer)
    #expect(faults.allSatisfy { !$0.description.contains("hunter2") })
  }
}
