import Base
import Config
import Testing

@testable import downlinkd

@Suite struct DemoConfigurationTests {
  @Test func `the configuration that is written has no faults`() throws {
    let folder = TemporaryFolder()
    let file = folder.write(
      DemoConfiguration.text(brokers: "127.0.0.1:9092", httpPort: 9479), as: "downlinkd.yaml")
    let (configuration, wiring) = try Checked.load(file)
    #expect(configuration.kafka.brokers == ["127.0.0.1:9092"])
    #expect(wiring.windowPlans.map(\.source) == [DemoPlan.source])
  }

  @Test func `there is a detector for every kind of fault`() throws {
    let folder = TemporaryFolder()
    let file = folder.write(
      DemoConfiguration.text(brokers: "127.0.0.1:9092", httpPort: 9479), as: "downlinkd.yaml")
    let (configuration, _) = try Checked.load(file)
    let names = Set(configuration.detectors.map(\.name))
    #expect(names == Set(InjectedFault.Kind.allCases.map(\.detector)))
    for kind in InjectedFault.Kind.allCases {
      let detector = try #require(configuration.detectors.first { $0.name == kind.detector })
      #expect(detector.metric?.pattern == kind.metric)
    }
  }

  @Test func `a satellite between passes is not taken for silent`() {
    #expect(DemoPlan.silenceAfterMicros > DemoPlan.orbitMicros + 10 * DemoPlan.minute)
  }
}
