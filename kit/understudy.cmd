@echo off
rem Windows: runs the show, and runs it again whenever it ends. Ended for good by closing this window.
rem Started at logon by the task in understudy-task.xml. docs/installation.md
cd /d "%~dp0.."
:again
".venv\Scripts\understudy.exe" live --config configs\live\installation.toml
timeout /t 3 /nobreak >nul
goto again
