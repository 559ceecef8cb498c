from leadmagnet.cli import main

main()
