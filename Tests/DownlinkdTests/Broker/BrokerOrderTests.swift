import Kafka
import Testing

@testable import downlinkd

@Suite struct BrokerOrderTests {
  @Test func `every kind of order is read`() {
    let cases: [(String, BrokerOrder)] = [
      ("topic a:3", .topic(TopicArgument(name: "a", partitionCount: 3))),
      ("error fetch 3 not_leader transport", .error(.fetch, [.notLeader, .transport, .notLeader])),
      ("error heartbeat 1 27", .error(.heartbeat, [.rebalanceInProgress])),
      ("clear join_group", .clear(.joinGroup)),
      ("down 2 1.5s", .down(broker: 2, millis: 1500)),
      ("down all", .down(broker: nil, millis: nil)),
      ("up 2", .up(broker: 2)),
      ("delay all 500ms", .delay(broker: nil, by: 500, millis: nil)),
      ("  delay 1 500ms  2s ", .delay(broker: 1, by: 500, millis: 2000)),
      ("coordinator group 3", .coordinator(group: "group", broker: 3)),
      ("leader a 0 2", .leader(topic: "a", partition: 0, broker: 2)),
      ("leader a 0 none", .leader(topic: "a", partition: 0, broker: nil)),
    ]
    for (line, order) in cases { #expect(BrokerOrder(line) == order, "\(line)") }
  }

  @Test(arguments: [
    "", "dance", "topic", "topic a", "error fetch 0 not_leader", "error fetch 1", "error fetch x 1",
    "error fetch 1 not_leader nonsense", "error dance 1 not_leader", "error fetch 10001 1",
    "clear", "clear dance", "down", "down 0", "down 1 soon", "down 1 1s 2s", "up", "up one",
    "delay 1", "delay 1 x", "delay 1 100d", "coordinator g", "coordinator g all", "leader a 0",
    "leader a -1 1", "leader a 0 all",
  ])
  func `what is no order is refused`(line: String) {
    #expect(BrokerOrder(line) == nil)
  }

  @Test func `every request and every code can be named`() {
    for (name, request) in BrokerOrder.requests {
      #expect(BrokerOrder("clear \(name)") == .clear(request))
    }
    for (name, code) in BrokerOrder.codes {
      #expect(BrokerOrder("error fetch 1 \(name)") == .error(.fetch, [code]))
    }
  }
}
