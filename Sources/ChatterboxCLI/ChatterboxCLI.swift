import ArgumentParser

@main
struct ChatterboxCLI: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chatterbox",
        abstract: "Text in, speech out, while it is being made.",
        discussion: """
            chatterbox serve                          start the server on port 8000
            chatterbox say "Hello!" -o hello.wav      speak without a server
            chatterbox pull nano                      get an official model
            chatterbox models                         list the models that are here
            chatterbox verify nano                    check every tensor of a model
            chatterbox calibrate nano                 find the heads that follow the text
            chatterbox stages --model nano            time the stages of a model
            chatterbox key create --name me           make a key for clients of the server

            Options come from the command line, else from the environment, else from the defaults named below.
            """,
        subcommands: [
            ServeCommand.self, SayCommand.self, PullCommand.self, ModelsCommand.self, VerifyCommand.self,
            CalibrateCommand.self, StagesCommand.self, KeyCommand.self,
        ])
}
