"""What any program needs: configuration, clock, lock, processes, permissions, log file, service control.

    control, help_text                    the commands of ./bot_control.sh and `qqqbot`: from a word to its code
    lifecycle, daemon_process, processes  start, stop, restart, install-service; the daemon and other programs
    halt_file, kill_switch                the file HALT; halt and resume, the owner's side
    elsewhere                             whether the daemon works on another folder than the command
    service, systemd, page_service        the daemon and the page as systemd user services
    config                                config.json: every key with its type, range and default
    rule_config                           its key `rule`: a preset's name, or a rule spelled out
    installing                            what pip did, for bot_control.sh
    place                                 where the program's files and the owner's files are
    secret_files                          addresses that are secrets, from files of mode 600 or the environment
    clock                                 the only place that reads the machine's date and time
    lock                                  one daemon for each logs folder
    child_process                         one child process, run to its end or killed at its deadline
    foreign_text                          texts of other programs, without secrets and control characters
    permissions, daily_log                files for their owner only; the log, one file per New York day
    console                               what a command prints

Nothing here knows what is traded.
"""
