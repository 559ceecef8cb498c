from leadmagnet.commands import main

main()
